"""What decisions know of other dossiers: the recognitions behind a district's criterion I.1."""

from __future__ import annotations

from datetime import date
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from domain.catalogue import Level
from domain.cross_dossier import CrossDossierFacts
from domain.dossier.aggregate import DossierEvent
from domain.dossier.decision import DecisionCorrected, DecisionRevoked, RecognitionApproved
from domain.dossier.reception import DossierReceived
from domain.identity import DossierKey
from domain.values import Document
from schemas.avro.derivation import derive
from schemas.avro.samples import sample_of
from tests.schemas.records import event_of
from tests.support.units import UNITS

COMMUNES = [unit.id for unit in UNITS.communes_of("139")]
ELSEWHERE = UNITS.communes_of("140")[0].id
DAY = date(2024, 3, 1)


def recognised(known: CrossDossierFacts, unit: str, level: Level, on: date = DAY, year: int = 2024) -> DossierKey:
    """A decision of recognition."""
    name = DossierKey(unit, level, year, 1)
    known.evolve(
        event(RecognitionApproved, name, unit_id=unit, level=level.value, decision=document("1/QĐ", on), on=on)
    )
    return name


def event(kind: type[DossierEvent], name: DossierKey, **fields: Any) -> DossierEvent:
    """An event of a dossier, with a sample of whatever the test does not care for."""
    return kind(
        **{**vars(event_of(kind.__name__, sample_of(derive(kind.__name__)))), "originator_id": name.id, **fields}
    )


def document(number: str, on: date) -> Document:
    return {"number": number, "date": on, "issuer": "UBND tỉnh", "sha256": "0" * 64}


def figures(known: CrossDossierFacts, on: date = DAY) -> tuple[int, int, int]:
    """Communes, recognised, advanced of Trạm Tấu."""
    found = known.commune_figures("139", UNITS, on)
    return found["communes"], found["recognised"], found["advanced"]


def test_only_communes_of_this_district_count() -> None:
    """Names repeat and districts differ: the id says which."""
    known = CrossDossierFacts()
    recognised(known, COMMUNES[0], Level.BASIC)
    recognised(known, ELSEWHERE, Level.BASIC)
    assert figures(known) == (12, 1, 0)


def test_a_commune_recognised_at_both_levels_counts_once_and_as_advanced() -> None:
    """It is recognised at either level."""
    known = CrossDossierFacts()
    recognised(known, COMMUNES[0], Level.BASIC)
    recognised(known, COMMUNES[0], Level.ADVANCED)
    assert figures(known) == (12, 1, 1)


def test_a_decision_counts_from_its_day_on() -> None:
    """Not before it, and not from its announcement."""
    known = CrossDossierFacts()
    recognised(known, COMMUNES[0], Level.BASIC)
    assert figures(known, date(2024, 2, 29)) == (12, 0, 0)
    assert figures(known, DAY) == (12, 1, 0)


def test_a_corrected_day_is_the_day_that_counts() -> None:
    """The later decision says how the first one reads."""
    known = CrossDossierFacts()
    name = recognised(known, COMMUNES[0], Level.BASIC)
    known.evolve(event(DecisionCorrected, name, corrected=document("2/QĐ", date(2024, 4, 1))))
    assert figures(known) == (12, 0, 0)
    assert figures(known, date(2024, 4, 1)) == (12, 1, 0)


def test_a_revoked_recognition_counts_no_more() -> None:
    """Another recognition of the same commune stays."""
    known = CrossDossierFacts()
    name = recognised(known, COMMUNES[0], Level.BASIC)
    recognised(known, COMMUNES[0], Level.ADVANCED)
    known.evolve(event(DecisionRevoked, name))
    assert figures(known) == (12, 1, 1)
    assert [held.level for held in known.recognitions_of(COMMUNES[0])] == [Level.ADVANCED]


def test_events_of_others_change_nothing() -> None:
    """A correction of a rejection is no recognition."""
    known = CrossDossierFacts()
    name = DossierKey(COMMUNES[0], Level.BASIC, 2024, 1)
    known.evolve(event(DossierReceived, name))
    known.evolve(event(DecisionCorrected, name))
    assert figures(known) == (12, 0, 0)


@given(st.lists(st.tuples(st.sampled_from([*COMMUNES, ELSEWHERE]), st.sampled_from(Level), st.booleans()), max_size=60))
def test_the_figures_agree_with_a_plain_count(history: list[tuple[str, Level, bool]]) -> None:
    """Whatever was recognised and revoked in whatever order."""
    known, held = CrossDossierFacts(), dict[tuple[str, Level, int], DossierKey]()
    for year, (unit, level, revokes) in enumerate(history, start=2000):
        if revokes and held:
            key = next(iter(held))
            known.evolve(event(DecisionRevoked, held.pop(key)))
        else:
            held[unit, level, year] = recognised(known, unit, level, year=year)
    ours = {(unit, level) for unit, level, _ in held if unit in COMMUNES}
    advanced = {unit for unit, level in ours if level is Level.ADVANCED}
    assert figures(known) == (12, len({unit for unit, _ in ours}), len(advanced))
