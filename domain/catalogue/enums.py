"""The words that the guidance uses for units, levels and requirements, as closed sets."""

from __future__ import annotations

from enum import StrEnum

from domain.i18n import Text, pair, translatable


class UnitKind(StrEnum):
    """What is recognised (title of the guidance; I.1)."""

    DEPARTMENT = "department"
    DISTRICT = "district"
    COMMUNE = "commune"

    @property
    def text(self) -> Text:
        """Its name, in Vietnamese the guidance's own."""
        return pair(_UNIT_KIND_NAMES[self])


class Level(StrEnum):
    """The two levels of recognition (I.1). Advanced is not a step after basic (reading 13)."""

    BASIC = "basic"
    ADVANCED = "advanced"

    @property
    def text(self) -> Text:
        """Its name, in Vietnamese the guidance's own."""
        return pair(_LEVEL_NAMES[self])


class Requirement(StrEnum):
    """Bắt buộc or mở rộng: which of the two counts of the rule a criterion enters (I.1)."""

    MANDATORY = "mandatory"
    EXTENDED = "extended"

    @property
    def text(self) -> Text:
        """Its name, in Vietnamese the word that Biểu 04 prints."""
        return pair(_REQUIREMENT_NAMES[self])


class AnswerKind(StrEnum):
    """The form in which a criterion is answered (Biểu 04; readings 2, 8 and 9)."""

    RATIO = "ratio"
    YES_NO = "yes_no"
    COUNT = "count"
    COMMUNES = "communes_recognised"


_UNIT_KIND_NAMES = {
    UnitKind.DEPARTMENT: translatable("department"),
    UnitKind.DISTRICT: translatable("district"),
    UnitKind.COMMUNE: translatable("commune"),
}
_LEVEL_NAMES = {
    Level.BASIC: translatable("basic"),
    Level.ADVANCED: translatable("advanced"),
}
_REQUIREMENT_NAMES = {
    Requirement.MANDATORY: translatable("mandatory"),
    Requirement.EXTENDED: translatable("extended"),
}
