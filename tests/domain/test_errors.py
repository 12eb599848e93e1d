"""An error says in both languages what was wrong, and what to do about it."""

from __future__ import annotations

from domain.errors import DossierError, InvalidInput, Refused
from domain.i18n import Text
from domain.refusals import AlreadyVerified, MissingPart
from domain.units import UnknownUnit


def test_a_message_has_its_details_in_the_language_of_its_reader() -> None:
    """A detail with two texts is kept in both; as an exception it speaks English."""
    error = MissingPart(clause="II.1", part="letter", **Text("the letter", "tờ trình").details("part"))
    assert "the letter" in error.message("en")
    assert "tờ trình" in error.message("vi")
    assert str(error) == error.message()
    assert error.details == {"part": "letter", "part_en": "the letter", "part_vi": "tờ trình"}
    assert MissingPart(clause="II.1", part=Text("the letter", "tờ trình")).details.keys() == {"part_en", "part_vi"}


def test_a_clause_that_is_given_stands_before_that_of_its_kind() -> None:
    """A kind without one has none."""
    assert AlreadyVerified(criterion="I.1", version=3, clause="reading 5").clause == "reading 5"
    assert AlreadyVerified(criterion="I.1", version=3).clause == AlreadyVerified.clause
    assert UnknownUnit(unit="x").clause is None


def test_an_error_without_texts_of_its_own_has_those_of_its_kind() -> None:
    """The bases of the tree have one text, and no hint."""
    for kind in (InvalidInput, Refused):
        assert kind().message("vi") == DossierError().message("vi") != DossierError().message("en")
        assert kind().hint() == ""
    assert "{unit}" not in UnknownUnit(unit="99999").message()
    assert UnknownUnit(unit="99999").hint("vi") != UnknownUnit(unit="99999").hint("en") != ""
