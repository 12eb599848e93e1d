"""The catalogues are whole, and a text that is missing, left over or shown past them is found."""

from __future__ import annotations

from gc import collect
from pathlib import Path
from shutil import copytree

import pytest

from domain.errors import InvalidInput
from infra.dev.catalogues import ROOT, Catalogues, all_errors, check, error_faults, use_faults
from infra.dev.text_extraction import Use, extract
from infra.dev.untranslated import untranslated

MARKERS = "from domain.i18n import pair, text, translatable\nfrom infra.cli.support.i18n import say\n"


def planted(folder: Path, source: str) -> Path:
    """A checkout whose command line is one module."""
    path = folder / "infra" / "cli" / "planted.py"
    path.parent.mkdir(parents=True)
    path.write_text(MARKERS + source, encoding="utf-8")
    return folder


def test_the_checkout_has_no_fault() -> None:
    """What `make lint` runs."""
    assert check() == []


@pytest.mark.parametrize(
    ("source", "texts"),
    [
        ('text("a thing", "vi")', ["a thing"]),
        ('pair("one " "thing")', ["one thing"]),
        ('text("a" if x else "b", "vi")', ["a", "b"]),
        ('say("first\\n\\nsecond")', ["first", "second"]),
        ('session.text("{count} things", count=2)', ["{count} things"]),
        ('show, other = session.text, 1\nshow("a thing")', ["a thing"]),
        ('NAMES = {1: translatable("one")}\npair(NAMES[key])', ["one"]),
        ('text(\'{"a": "b"}\', "vi")', ['{"a": "b"}']),
    ],
)
def test_texts_are_found_where_they_stand(tmp_path: Path, source: str, texts: list[str]) -> None:
    """Whatever way a marker is called."""
    found = extract(planted(tmp_path, source), {})
    assert ([use.text for use in found.uses], found.faults) == (texts, [])


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        ('text(f"{count} things", "vi")', "is no literal"),
        ("pair(name)", "is no literal"),
        ('NAMES = {1: "one"}\npair(NAMES[key])', "is no literal"),
        ('text("{count} things", "vi")', "is not filled"),
        ('text("{count} things", "vi", number=2)', "is filled with ['number']"),
        ("text()", "without a text"),
    ],
)
def test_a_text_that_cannot_be_found_or_filled_is_a_fault(tmp_path: Path, source: str, fault: str) -> None:
    """So that no text is shown in English by mistake, or half filled."""
    (found,) = extract(planted(tmp_path, source), {}).faults
    assert fault in found


def test_a_reason_that_is_not_needed_is_a_fault(tmp_path: Path) -> None:
    """Lists of exceptions do not outlive what they are for."""
    folder = planted(tmp_path, "")
    assert len(extract(folder, {("infra/cli/planted.py", "name"): "why"}).faults) == 1
    assert len(untranslated(folder, {("infra/cli/planted.py", "name"): "why"})) == 1


@pytest.mark.parametrize(
    "source",
    [
        'write_line("Done.")',
        'write_line(f"{count} things")',
        'typer.Option(help="What to do.")',
        'print_table(("Name", text("Day", "vi")), rows)',
        'print_pairs([(text("Day", "vi"), "never" if x else day)])',
        'reason = "this is not allowed"',
        'raise BadOption(reason_en="give only one")',
        'NAMES = ("Đơn vị",)',
        'text("a {thing}", "vi", thing="that is shown" + more)',
    ],
)
def test_what_people_read_past_the_catalogues_is_a_fault(tmp_path: Path, source: str) -> None:
    """In the command line, wherever it stands."""
    (fault,) = untranslated(planted(tmp_path, source), {})
    assert "infra/cli/planted.py:3" in fault


@pytest.mark.parametrize("path", ["domain/dossier/late.py", "projections/x.py", "consumers/x.py", "schemas/x.py"])
def test_vietnamese_past_the_catalogues_is_a_fault_in_every_package(tmp_path: Path, path: str) -> None:
    """English there is an identifier or the text of a log; Vietnamese is always a text for people."""
    module = tmp_path / path
    module.parent.mkdir(parents=True)
    module.write_text('"""Sở Y tế."""\nREASON = "too late"\nREASON_VI = f"hạn {days}"\n', encoding="utf-8")
    (fault,) = untranslated(tmp_path, {})
    assert fault == f"{path}:3: 'hạn ' is Vietnamese outside the catalogues"


@pytest.mark.parametrize(
    "source",
    [
        '"""A docstring of many words."""',
        'write_line(text("Done.", "vi"))',
        'typer.Option("--day", metavar="YYYY MM", help=say("The day."))',
        'subcommand(examples=("dossier open --person Lê",))',
        'print_line(row["unit"])',
        'if row["kind"] == "commune": print_line(text("A commune.", "vi"))',
    ],
)
def test_what_nobody_reads_as_a_text_is_none(tmp_path: Path, source: str) -> None:
    """Keys, examples and docstrings."""
    assert untranslated(planted(tmp_path, source), {}) == []


def test_errors_share_no_code_and_lack_no_text() -> None:
    """Each of these is found."""
    second = type("SecondUnknownUnit", (InvalidInput,), {"code": "UNKNOWN_UNIT"})
    texts = {"error.UNKNOWN_UNIT": "no unit {unit}", "error.GONE": "gone", "error.UNKNOWN_UNIT.hint": "look {where}"}
    vietnamese = {"error.UNKNOWN_UNIT": "không có {other}", "error.GONE": "hết"}
    faults = "\n".join(error_faults({"en": texts, "vi": vietnamese}, [*all_errors(), second]))
    # The tree of errors is walked by other tests too.
    del second
    collect()
    for fault in (
        "share the code UNKNOWN_UNIT",
        "AlreadyVerified has no text error.ALREADY_VERIFIED",
        "no error has the code of error.GONE",
        "error.UNKNOWN_UNIT leaves other values open",
        "error.UNKNOWN_UNIT.hint is missing in vi",
    ):
        assert fault in faults


def test_texts_are_neither_missing_nor_left_over(tmp_path: Path) -> None:
    """A new one is taken up without its translation, which is a fault until it is written; an old one goes."""
    copytree(ROOT / "domain" / "locales", tmp_path / "domain" / "locales")
    catalogues = Catalogues(tmp_path)
    uses = [Use("a new text", "infra/cli/planted.py", 3)]
    faults = list(use_faults(catalogues, uses, []))
    assert any("'a new text' is in no catalogue" in fault for fault in faults)
    assert any("nothing uses 'Unit'" in fault for fault in faults)
    catalogues.write(uses, [])
    assert list(use_faults(catalogues, uses, [])) == []
    assert list(catalogues.faults()) == ["vi: 'a new text' has no text"]


def test_a_compiled_file_that_is_behind_its_source_is_a_fault(tmp_path: Path) -> None:
    """People edit the source; the program reads what is compiled."""
    copytree(ROOT / "domain" / "locales", tmp_path / "domain" / "locales")
    path = tmp_path / "domain" / "locales" / "vi" / "LC_MESSAGES" / "dossier.po"
    path.write_text(
        path.read_text(encoding="utf-8").replace('msgstr "Đơn vị"', 'msgstr "Đơn vi\u0323"'), encoding="utf-8"
    )
    faults = list(Catalogues(tmp_path).faults())
    assert any("is not what its .po compiles to" in fault for fault in faults)
    assert any("not in NFC" in fault for fault in faults)
