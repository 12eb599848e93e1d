"""Each page of the runbook is followed from its first line, in both languages, on the case that it is about."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from domain.errors import InfrastructureError
from domain.i18n import LANGUAGES, Language
from infra.dev.catalogues import all_errors
from infra.runbook.pages import FOLDER, SHARED, codes, page, title
from tests.infra.runbook.case import FREE, RECORD, Place, three_dossiers
from tests.infra.runbook.cases import CASES
from tests.infra.runbook.codes import MADE_ELSEWHERE, WITHOUT_PAGE
from tests.infra.runbook.kafka_cases import KAFKA_CASES, KAFKA_CODES
from tests.infra.runbook.shell import commands_of, follow

_PARTS = {"en": ("## What to do", "## What may be lost"), "vi": ("## Việc cần làm", "## Có thể mất gì")}


def _page(code: str, language: Language) -> str:
    found = page(code, language)
    assert found is not None
    return found


def test_every_page_is_tried_and_stands_in_the_table() -> None:
    """A page without a case, or a case without a page, is none."""
    assert codes() == codes("vi") == sorted({*CASES, *KAFKA_CODES, *MADE_ELSEWHERE})
    table = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) == codes()


def test_every_code_that_a_person_has_to_do_something_about_has_a_page() -> None:
    """Those that end with 4, but the ones of the list, for the reason that stands there."""
    known = {each.code for each in all_errors() if issubclass(each, InfrastructureError)}
    assert known == {*codes(), *WITHOUT_PAGE}
    assert not {*codes()} & {*WITHOUT_PAGE}


@pytest.mark.parametrize("code", codes())
def test_a_page_has_all_its_parts_and_the_same_commands_in_both_languages(code: str) -> None:
    for language in LANGUAGES:
        text = _page(code, language)
        assert text.startswith(f"# {SHARED.get(code, code)}: ")
        assert code in text.partition("```")[0], "a page names each code that it is about before it says what to do"
        assert title(text)
        assert all(f"\n{part}\n" in text for part in _PARTS[language])
    for on_kafka in (False, True):
        typed = [commands_of(_page(code, language), on_kafka=on_kafka) for language in LANGUAGES]
        assert typed[0] == typed[1]
        assert typed[0]


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_part_about_kafka_is_pointed_to_from_the_first_line(language: Language) -> None:
    """And each is followed on a broker."""
    pages = {code: _page(code, language) for code in codes(language)}
    apart = {code for code, text in pages.items() if commands_of(text) != commands_of(text, on_kafka=True)}
    assert apart == {"BACKUP_OF_ANOTHER_HISTORY", "LOG_BROKEN", "LOG_CHANGED"} <= {*KAFKA_CASES}
    for code in apart:
        first = pages[code].partition(_PARTS[language][0])[2].strip().partition("\n")[0]
        assert "Kafka" in first


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the log that every case begins with."""
    folder = tmp_path_factory.mktemp("runbook")
    three_dossiers(Place(folder))
    return folder


@pytest.fixture
def place(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    found = Place(tmp_path)
    with found.stack:
        yield found


@pytest.mark.parametrize("code", CASES)
def test_who_follows_a_page_has_a_log_in_order_that_records_again(code: str, place: Place) -> None:
    """The case names its code and its page; after the page's own commands all facts are there, and one more is."""
    case = CASES[code]
    case.make(place)
    said = case.shown_by(place) if callable(case.shown_by) else place.run(*case.shown_by, code=4).err
    assert f"{code}: " in said
    assert f"dossier explain {code}" in said
    follow(place, commands_of(_page(code, "en")))
    with case.within():
        place.run(*RECORD)
        numbers = [each["number"] for each in place.rows("status")]
    assert {f"{unit}-CB-2024-1" for unit in (*case.still_held, FREE)} <= set(numbers)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_page_is_printed_as_it_stands(language: Language, place: Place) -> None:
    said = place.run("explain", "ROWS_DIFFER", f"--lang={language}").out
    assert said.strip() == _page("ROWS_DIFFER", language).strip()
    assert place.json("explain", "ROWS_DIFFER")["page"] == _page("ROWS_DIFFER", "en")


def test_a_code_without_a_page_is_explained_by_its_error(place: Place) -> None:
    said = place.run("explain", "already_decided").out
    assert said.startswith("ALREADY_DECIDED: ")
    assert "hint: " in place.run("explain", "NOTHING_PARKED").out


def test_a_code_that_there_is_not_is_refused_with_the_nearest(place: Place) -> None:
    said = place.run("explain", "ROW_DIFFERS", code=2).err
    assert "UNKNOWN_CODE" in said
    assert "ROWS_DIFFER" in said
    place.run("explain", "../../errors", code=2)


def test_without_a_code_the_pages_are_listed(place: Place) -> None:
    said = place.run("explain").out
    assert [line.partition(":")[0] for line in said.splitlines()] == codes()
    assert {each["code"] for each in place.json("explain")["pages"]} == set(codes())
