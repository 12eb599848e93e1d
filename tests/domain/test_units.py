"""The registry of units and the setting of the departments."""

import unicodedata
from collections import Counter

import pytest

from domain.agencies import agency
from domain.catalogue import UnitKind
from domain.units import (
    BadDepartments,
    Department,
    Unit,
    Units,
    UnknownUnit,
    default_departments,
    parse_departments,
)

UNITS = Units.load()


def test_the_province_has_its_districts_and_communes() -> None:
    """182 units with official codes: 9 districts, 173 communes."""
    districts, communes = UNITS.of_kind(UnitKind.DISTRICT), UNITS.of_kind(UnitKind.COMMUNE)
    assert (len(districts), len(communes)) == (9, 173)
    assert len(UNITS) == 182 + len(default_departments())
    assert {unit.parent_id for unit in communes} == {unit.id for unit in districts}


@pytest.mark.parametrize(
    ("district", "communes"),
    [
        ("132", 15),
        ("133", 14),
        ("135", 24),
        ("136", 25),
        ("137", 14),
        ("138", 21),
        ("139", 12),
        ("140", 24),
        ("141", 24),
    ],
)
def test_every_district_has_its_communes(district: str, communes: int) -> None:
    """They are the denominator of the district's I.1."""
    below = UNITS.communes_of(district)
    assert len(below) == communes
    assert all(unit.kind is UnitKind.COMMUNE and unit.parent_id == district for unit in below)


def test_a_unit_is_found_by_its_code() -> None:
    """Leading zeros are part of it."""
    assert UNITS.get("04630") == Unit("04630", UnitKind.COMMUNE, "Xã Tú Lệ", "140")
    assert UNITS.get("135") == Unit("135", UnitKind.DISTRICT, "Huyện Lục Yên", None)
    assert UNITS.get("so-nv") == Unit("so-nv", UnitKind.DEPARTMENT, "Sở Nội vụ", None)


@pytest.mark.parametrize("unknown", ["4630", "Xã Tú Lệ", "", "so-tp"])
def test_an_unknown_unit_is_named_with_a_hint(unknown: str) -> None:
    """A name is no id: names repeat."""
    with pytest.raises(UnknownUnit) as caught:
        UNITS.get(unknown)
    assert f"“{unknown}”" in caught.value.message("vi")
    assert "04630" in caught.value.hint("en")
    with pytest.raises(UnknownUnit):
        UNITS.communes_of(unknown)


def test_names_repeat_so_they_identify_nothing() -> None:
    """The reason why there is no look-up by name."""
    names = Counter(unit.name for unit in UNITS.of_kind(UnitKind.COMMUNE))
    assert max(names.values()) > 1


def test_only_districts_have_communes() -> None:
    """A commune or a department has none."""
    assert UNITS.communes_of("04630") == UNITS.communes_of("so-nv") == ()


def test_default_departments_are_those_that_the_guidance_names() -> None:
    """Each under its agency's id and name (reading 14)."""
    assert {department.id for department in default_departments()} == {
        "so-tttt",
        "vp-ubnd",
        "so-yt",
        "so-gddt",
        "so-nv",
        "so-nnptnt",
        "so-xd",
        "so-ldtbxh",
        "so-khdt",
        "so-ct",
        "so-vhttdl",
        "so-tc",
        "cong-an",
    }
    assert all(agency(department.id).name == department.name for department in default_departments())


def test_data_is_in_nfc() -> None:
    """Vietnamese letters have one form throughout."""
    assert all(unicodedata.is_normalized("NFC", unit.name) for unit in UNITS)


def test_a_list_replaces_the_default_departments() -> None:
    """Names are brought to NFC and single blanks."""
    name = unicodedata.normalize("NFD", "Sở  Tư pháp ")
    chosen = parse_departments(f'[{{"id": "so-tp", "name": "{name}"}}]')
    assert chosen == (Department("so-tp", "Sở Tư pháp"),)
    units = Units.load(chosen)
    assert [unit.id for unit in units.of_kind(UnitKind.DEPARTMENT)] == ["so-tp"]
    with pytest.raises(UnknownUnit):
        units.get("so-nv")


def test_add_extends_the_default_departments() -> None:
    """The default ones stay."""
    chosen = parse_departments('{"add": [{"id": "so-tp", "name": "Sở Tư pháp"}]}')
    assert chosen == (*default_departments(), Department("so-tp", "Sở Tư pháp"))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("so-tp", "not JSON"),
        ("[", "line 1, column"),
        ("[]", "at least one"),
        ("3", "at least one"),
        ('{"add": []}', "at least one"),
        ('{"replace": []}', 'the key "add"'),
        ('{"add": [], "x": 1}', 'the key "add"'),
        ('["so-tp"]', "entry 1"),
        ('[{"id": "so-tp"}]', "entry 1"),
        ('[{"id": "so-tp", "name": "Sở Tư pháp", "x": 1}]', "entry 1"),
        ('[{"id": 1, "name": "Sở Tư pháp"}]', "entry 1"),
        ('[{"id": "Sở TP", "name": "Sở Tư pháp"}]', "lower-case"),
        ('[{"id": "135", "name": "Sở Tư pháp"}]', "lower-case"),
        ('[{"id": "so-tp", "name": " "}]', "no name"),
        ('[{"id": "so-tp", "name": "Sở Tư pháp"}, {"id": "so-tp", "name": "Sở TP"}]', "repeats"),
        ('{"add": [{"id": "so-nv", "name": "Sở Nội vụ"}]}', "repeats"),
        ('[{"id": "so-noi-vu", "name": "Sở Nội vụ"}]', "has the agency id so-nv"),
        ('[{"id": "so-nv", "name": "Sở Tư pháp"}]', "id of another agency"),
    ],
)
def test_a_bad_setting_is_refused_with_what_is_wrong(text: str, problem: str) -> None:
    """Under a wrong id the audit could not see that an applicant verified its own dossier (reading 7)."""
    with pytest.raises(BadDepartments) as caught:
        parse_departments(text)
    assert problem in caught.value.message("en")
    assert caught.value.message("vi").startswith("danh sách sở, ban, ngành không dùng được: ")
    assert '[{"id": "so-tp"' in caught.value.hint("en")
    assert '[{"id": "so-tp"' in caught.value.hint("vi")
