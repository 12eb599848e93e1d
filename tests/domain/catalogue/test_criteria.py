"""The catalogue against the text of the guidance, and its counts."""

import json
import unicodedata
from collections import Counter
from importlib.resources import files

import pytest

from domain.agencies import agency, by_spelling
from domain.catalogue import (
    AnswerKind,
    CommunesTarget,
    CountTarget,
    Criterion,
    CriterionNotOfLevel,
    Level,
    RatioTarget,
    Requirement,
    UnitKind,
    UnknownCatalogue,
    YesNoTarget,
    catalogue,
)
from tests.domain.catalogue.guidance import Row, rows
from tests.support.cases import for_each

BOTH = tuple(zip(rows(), catalogue().criteria, strict=True))
# Reading 15: slips of the source that the catalogue corrects in words. Footnote marks became notes.
CORRECTED = {"Cỏ điểm phục vụ": "Có điểm phục vụ"}
FOOTNOTES = {"district.II.4": " [1]", "district.II.7": " [2]"}

every_row = for_each({row.id: (row, criterion) for row, criterion in BOTH})


def counts_of(kind: UnitKind, level: Level, one_column_level: Level) -> tuple[int, int]:
    """Mandatory and extended criteria."""
    found = Counter(
        criterion.requirement for criterion in catalogue().criteria_for(kind, level, one_column_level).values()
    )
    return found[Requirement.MANDATORY], found[Requirement.EXTENDED]


def test_the_parser_finds_what_a_reader_counts() -> None:
    """27, 46 and 52 rows in the three tables."""
    assert Counter(row.kind for row in rows()) == {"department": 27, "district": 46, "commune": 52}


def test_criteria_are_the_guidances_own_in_its_order() -> None:
    """125 criteria, each in its place."""
    assert len(catalogue().criteria) == 125
    assert [criterion.id for criterion in catalogue().criteria] == [row.id for row in rows()]
    assert len({criterion.id for criterion in catalogue().criteria}) == 125


@every_row
def test_words_are_those_of_the_guidance(row: Row, criterion: Criterion) -> None:
    """Group, name, unit, formula, method, evidence and line agree with Biểu 04."""
    assert criterion.source_line == row.line
    assert criterion.group_title == row.group_title
    assert " ".join(criterion.name.split()) + FOOTNOTES.get(row.id, "") == row.name
    assert criterion.measure_unit == row.unit
    assert criterion.formula == row.formula
    assert criterion.formula + criterion.method + criterion.evidence == row.texts


@every_row
def test_columns_are_those_of_the_guidance(row: Row, criterion: Criterion) -> None:
    """Every printed target and bắt buộc/mở rộng stands under its level; a single one under advanced."""
    assert criterion.columns_in_source == len(row.columns)
    levels = (Level.BASIC, Level.ADVANCED) if len(row.columns) == 2 else (Level.ADVANCED,)
    assert tuple(criterion.levels) == levels
    for level, (target, requirement) in zip(levels, row.columns, strict=True):
        assert criterion.levels[level].target_text == CORRECTED.get(target, target)
        assert criterion.levels[level].requirement.text.vi == requirement.lower()


@every_row
def test_typed_targets_say_what_is_printed(row: Row, criterion: Criterion) -> None:
    """The figure of each typed target is the printed one; the form of answer follows from the row."""
    for column, (printed, _) in zip(criterion.levels.values(), row.columns, strict=True):
        digits = "".join(character for character in printed if character.isdigit())
        match column.target:
            case RatioTarget(percent):
                assert printed == str(percent)
            case CountTarget(minimum):
                assert int(digits) == minimum
            case CommunesTarget(recognised, advanced):
                assert printed in {
                    f"Đạt chuyển đổi số từ {recognised}% trở lên",
                    f"Đạt chuyển đổi số {recognised}% và đạt chuyển đổi số nâng cao {advanced}% trở lên",
                }
            case YesNoTarget():
                # Reading 2: commune I.12 and I.13 print 100 for a yes.
                assert not digits or (row.id in {"commune.I.12", "commune.I.13"} and printed == "100")
    if criterion.answer is AnswerKind.RATIO:
        # Readings 8 and 9: a bare percentage is a ratio, formula or not; commune III.2 prints none.
        assert row.formula or row.id == "commune.III.2"
    elif criterion.answer is not AnswerKind.COMMUNES:
        assert not row.formula


@every_row
def test_agencies_are_those_of_the_guidance(row: Row, criterion: Criterion) -> None:
    """Lead and coordinating agencies are the printed ones, by id."""
    lead, coordinating = row.agencies
    assert criterion.agency_text == row.agency_text
    assert criterion.lead_agency == by_spelling(lead).id
    assert criterion.coordinating_agencies == tuple(by_spelling(text).id for text in coordinating)


@pytest.mark.parametrize(
    ("kind", "level", "expected"),
    [
        (UnitKind.DEPARTMENT, Level.BASIC, (23, 0)),
        (UnitKind.DEPARTMENT, Level.ADVANCED, (27, 0)),
        (UnitKind.DISTRICT, Level.BASIC, (26, 14)),
        (UnitKind.DISTRICT, Level.ADVANCED, (38, 8)),
        (UnitKind.COMMUNE, Level.BASIC, (24, 18)),
        (UnitKind.COMMUNE, Level.ADVANCED, (32, 20)),
    ],
)
def test_counts_per_level(kind: UnitKind, level: Level, expected: tuple[int, int]) -> None:
    """One-column criteria belong to the advanced level by default (reading 1)."""
    assert counts_of(kind, level, Level.ADVANCED) == expected


@pytest.mark.parametrize(
    ("kind", "level", "expected"),
    [
        (UnitKind.DEPARTMENT, Level.BASIC, (27, 0)),
        (UnitKind.DEPARTMENT, Level.ADVANCED, (23, 0)),
        (UnitKind.DISTRICT, Level.BASIC, (27, 19)),
        (UnitKind.DISTRICT, Level.ADVANCED, (37, 3)),
        (UnitKind.COMMUNE, Level.BASIC, (25, 27)),
        (UnitKind.COMMUNE, Level.ADVANCED, (31, 11)),
    ],
)
def test_counts_when_one_column_is_read_as_basic(kind: UnitKind, level: Level, expected: tuple[int, int]) -> None:
    """The setting of reading 1 moves the 20 one-column criteria to the basic level."""
    assert counts_of(kind, level, Level.BASIC) == expected


def test_twenty_criteria_have_one_column() -> None:
    """4 department, 6 district, 10 commune (reading 1)."""
    single = Counter(each.unit_kind for each in catalogue().criteria if each.columns_in_source == 1)
    assert single == {UnitKind.DEPARTMENT: 4, UnitKind.DISTRICT: 6, UnitKind.COMMUNE: 10}


def test_forms_of_answer() -> None:
    """64 ratios, 56 yes/no, 4 counts and the district's I.1; in five ratios a may exceed b."""
    assert Counter(each.answer for each in catalogue().criteria) == {
        AnswerKind.RATIO: 64,
        AnswerKind.YES_NO: 56,
        AnswerKind.COUNT: 4,
        AnswerKind.COMMUNES: 1,
    }
    assert {each.id for each in catalogue().criteria if each.a_may_exceed_b} == {
        "district.II.6",
        "district.III.3",
        "district.IV.3",
        "commune.II.3",
        "commune.III.4",
    }
    for criterion in catalogue().criteria:
        assert (criterion.a_may_exceed_b is None) == (criterion.answer is not AnswerKind.RATIO)


def test_every_member_is_named_its_criteria_of_a_district_at_basic() -> None:
    """40 criteria with 9 agencies (II.2)."""
    leads = Counter(
        agency(each.lead_agency).name for each in catalogue().criteria_for(UnitKind.DISTRICT, Level.BASIC).values()
    )
    assert leads == {
        "Sở Thông tin và Truyền thông": 21,
        "Văn phòng UBND tỉnh (Trung tâm Phục vụ hành chính công tỉnh)": 7,
        "Văn phòng UBND tỉnh (Trung tâm Điều hành thông minh tỉnh)": 2,
        "Công an tỉnh": 1,
        "Sở Y tế": 4,
        "Sở Lao động Thương binh và Xã hội": 1,
        "Sở Nông nghiệp và Phát triển nông thôn": 1,
        "Ngân hàng Nhà nước chi nhánh tỉnh Yên Bái": 1,
        "Sở Giáo dục và Đào tạo": 2,
    }


def test_every_member_is_named_its_criteria_of_a_commune_at_advanced() -> None:
    """52 criteria with 8 agencies (II.2)."""
    leads = Counter(
        agency(each.lead_agency).name for each in catalogue().criteria_for(UnitKind.COMMUNE, Level.ADVANCED).values()
    )
    assert leads == {
        "Sở Thông tin và Truyền thông": 37,
        "Văn phòng UBND tỉnh (Trung tâm Phục vụ hành chính công tỉnh)": 4,
        "Văn phòng UBND tỉnh (Trung tâm Điều hành thông minh tỉnh)": 2,
        "Công an tỉnh": 2,
        "Sở Nội vụ": 1,
        "Sở Nông nghiệp và Phát triển nông thôn": 1,
        "Sở Y tế": 4,
        "Sở Giáo dục và Đào tạo": 1,
    }


def test_criteria_of_a_level_hold_that_level_alone_in_order() -> None:
    """What `criteria_for` gives has a plain target and requirement, under its code."""
    found = catalogue().criteria_for(UnitKind.DISTRICT, Level.BASIC)
    assert list(found)[:3] == ["I.1", "II.1", "II.2"]
    assert found["II.14"].requirement is Requirement.EXTENDED
    assert found["II.14"].target == RatioTarget(70)
    assert all(list(each.levels) == [Level.BASIC] for each in found.values())
    assert "II.18" not in found


def test_criteria_of_a_level_are_computed_once() -> None:
    """Every command asks: the second answer is the first one."""
    first = catalogue().criteria_for(UnitKind.COMMUNE, Level.BASIC)
    assert catalogue().criteria_for(UnitKind.COMMUNE, Level.BASIC) is first


def test_a_criterion_is_not_asked_at_a_level_it_is_not_of() -> None:
    """A one-column criterion belongs to one level, and which is a setting."""
    single = next(each for each in catalogue().criteria if each.id == "department.I.5")
    with pytest.raises(CriterionNotOfLevel, match=r"department\.I\.5"):
        single.at(Level.BASIC)
    assert single.at(Level.BASIC, Level.BASIC).target == CountTarget(5000)
    with pytest.raises(ValueError, match="too many values"):
        _ = catalogue().criteria[0].requirement


def test_as_json_is_the_entry_of_the_data_without_thresholds() -> None:
    """The shape and the order of keys are those of the catalogue's data."""
    data = json.loads((files("domain.catalogue") / "yen-bai-02-hd-ubnd-2024.v1.json").read_text(encoding="utf-8"))
    for entry in data["criteria"]:
        for column in entry["levels"].values():
            del column["threshold"]
    assert json.dumps([each.as_json() for each in catalogue().criteria]) == json.dumps(data["criteria"])


def test_the_catalogue_names_itself_and_its_version() -> None:
    """A decision names both; the newest is the default."""
    assert (catalogue().id, catalogue().version) == ("yen-bai-02-hd-ubnd-2024", 1)
    assert catalogue(1) is catalogue()


def test_an_unknown_version_is_named() -> None:
    """The error says which versions there are, in both languages."""
    with pytest.raises(UnknownCatalogue, match="version 7") as caught:
        catalogue(7)
    assert caught.value.hint("vi") == "các phiên bản đã phát hành: 1"


def test_data_is_in_nfc() -> None:
    """Vietnamese letters have one form throughout."""
    for criterion in catalogue().criteria:
        text = json.dumps(criterion.as_json(), ensure_ascii=False)
        assert unicodedata.is_normalized("NFC", text)


def test_kinds_and_levels_have_the_guidances_names() -> None:
    """As in the title of the guidance."""
    assert [kind.text.vi for kind in UnitKind] == [
        "sở, ban, ngành",
        "huyện, thị xã, thành phố",
        "xã, phường, thị trấn",
    ]
    assert [level.text.vi for level in Level] == ["đạt chuyển đổi số", "chuyển đổi số nâng cao"]
