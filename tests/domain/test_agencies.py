"""The agencies and their spellings."""

import unicodedata

import pytest

from domain.agencies import UnknownAgency, agency, all_agencies, by_spelling, fold, is_or_belongs_to
from domain.catalogue import catalogue


def test_all_agencies_of_the_guidance_are_known() -> None:
    """20 of Biểu 04, Sở Tài chính (III.1) and the People's Committee (I.2)."""
    assert len(all_agencies()) == 22
    assert len({each.id for each in all_agencies()}) == 22
    assert agency("so-tc").name == "Sở Tài chính"
    assert agency("ubnd-tinh").name == "Ủy ban nhân dân tỉnh"


def test_an_unknown_agency_is_named() -> None:
    """By id and by text."""
    with pytest.raises(UnknownAgency, match="so-tp"):
        agency("so-tp")
    with pytest.raises(UnknownAgency) as caught:
        by_spelling("Sở Tư pháp")
    assert caught.value.message("vi") == "không có cơ quan “Sở Tư pháp”"


def test_the_peoples_committee_leads_and_coordinates_nothing() -> None:
    """It decides; a member verifies."""
    named = {each.lead_agency for each in catalogue().criteria}
    named |= {other for each in catalogue().criteria for other in each.coordinating_agencies}
    assert named == {each.id for each in all_agencies()} - {"so-tc", "ubnd-tinh"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Sở Thông tin và Truyền thông", "so-tttt"),
        ("Sở Thông tin và truyền thông", "so-tttt"),
        ("  SỞ THÔNG TIN  VÀ\nTRUYỀN THÔNG ", "so-tttt"),
        (unicodedata.normalize("NFD", "Sở Y tế"), "so-yt"),
        ("Ngân hàng Nhà nước Chi nhánh tỉnh Yên Bái", "nhnn"),
        ("Ngân hàng nhà nước chi nhánh Yên Bái", "nhnn"),
        ("Ngân hàng NN - chi nhánh YB", "nhnn"),
        ("Văn phòng UBND tỉnh", "vp-ubnd"),
        ("Văn phòng UBND tỉnh (Trung tâm PVHCC)", "vp-ubnd-hcc"),
        ("Văn phòng UBND tỉnh (Trung tâm Điều hành thông minh tỉnh)", "vp-ubnd-ioc"),
        ("Trung tâm ĐHTM", "vp-ubnd-ioc"),
        ("UBND tỉnh", "ubnd-tinh"),
    ],
)
def test_every_spelling_is_one_agency(text: str, expected: str) -> None:
    """Case, spacing and the form of Vietnamese letters play no part; the words do."""
    assert by_spelling(text).id == expected


def test_no_two_agencies_share_a_spelling() -> None:
    """Else a text would name two."""
    owners: dict[str, set[str]] = {}
    for each in all_agencies():
        for text in (each.name, *each.spellings):
            assert unicodedata.is_normalized("NFC", text)
            owners.setdefault(fold(text), set()).add(each.id)
    assert all(len(ids) == 1 for ids in owners.values())


@pytest.mark.parametrize(
    ("agency_id", "ancestor_id", "expected"),
    [
        ("so-nv", "so-nv", True),
        ("vp-ubnd-hcc", "vp-ubnd", True),
        ("vp-ubnd-ioc", "vp-ubnd", True),
        ("vp-ubnd", "vp-ubnd-hcc", False),
        ("vp-ubnd-hcc", "vp-ubnd-ioc", False),
        ("vp-ubnd", "ubnd-tinh", False),
        ("so-tp", "so-tp", True),
        ("so-tp", "so-nv", False),
    ],
)
def test_a_centre_belongs_to_its_office(agency_id: str, ancestor_id: str, expected: bool) -> None:
    """A part is of its whole, never the other way (reading 7)."""
    assert is_or_belongs_to(agency_id, ancestor_id) is expected
