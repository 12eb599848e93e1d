"""The state diagram is the table's: every state that steps lead to, and every move between two states."""

from __future__ import annotations

import re

from domain.catalogue import UnitKind
from domain.dossier.states import State
from domain.procedure import ON_DOSSIER, STEPS
from domain.transitions import reachable, state_diagram
from infra.dev.state_diagram import README, main, with_diagram

_ARROW = re.compile(r"    (\S+) --> (\S+?)(?:: (.+))?")


def arrows() -> dict[tuple[str, str], list[str]]:
    """From and to → the steps written at the arrow."""
    found = (match for line in state_diagram().splitlines() if (match := _ARROW.fullmatch(line)))
    return {(match[1], match[2]): match[3].split(", ") if match[3] else [] for match in found}


def test_every_state_and_every_step_that_leads_to_another_state_is_drawn() -> None:
    """A state that no step leads to would be a mistake of the table."""
    drawn = arrows()
    assert {after for _, after in drawn} - {"[*]"} == set(State)
    moving = {name for name, step in STEPS.items() if step.becomes}
    assert {name for names in drawn.values() for name in names} == moving


def test_an_arrow_stands_where_a_row_says_so_and_nowhere_else() -> None:
    """Of steps that are bound to states: the states before and after, of any kind of unit."""
    for (before, after), names in arrows().items():
        for step in (ON_DOSSIER[name] for name in names if name in ON_DOSSIER):
            if step.orders is not None:
                assert any(State(before) in step.states_for(kind) for kind in UnitKind)
                assert State(after) in step.leads_to(State(before))


def test_a_kind_of_unit_does_not_come_to_the_states_of_another() -> None:
    """A commune has no meeting of its own; a department and a district have no district council above them."""
    assert State.OWN_MEETING not in reachable(UnitKind.COMMUNE)
    assert State.DISTRICT_MET not in reachable(UnitKind.DISTRICT) | reachable(UnitKind.DEPARTMENT)
    assert State.ANNOUNCED in reachable(UnitKind.COMMUNE) & reachable(UnitKind.DISTRICT)


def test_the_readme_has_the_present_diagram() -> None:
    """As `make lint` checks too."""
    page = README.read_text(encoding="utf-8")
    assert with_diagram(page) == page
    assert main(["--check"]) == 0


def test_a_page_with_another_diagram_gets_the_present_one_and_a_page_without_markers_none() -> None:
    """Nothing but what stands between the markers is changed."""
    page = README.read_text(encoding="utf-8")
    assert with_diagram(page.replace("opened --> self_assessed", "opened --> received")) == page
    assert with_diagram("# No diagram\n") is None
