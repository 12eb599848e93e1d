"""The words that the guidance uses for units, levels and requirements, as closed sets."""

from __future__ import annotations

from enum import StrEnum


class UnitKind(StrEnum):
    """What is recognised (title of the guidance; I.1)."""

    DEPARTMENT = "department"
    DISTRICT = "district"
    COMMUNE = "commune"

    @property
    def vi(self) -> str:
        """The guidance's own name for this kind."""
        return _UNIT_KIND_VI[self]


class Level(StrEnum):
    """The two levels of recognition (I.1). Advanced is not a step after basic (reading 13)."""

    BASIC = "basic"
    ADVANCED = "advanced"

    @property
    def vi(self) -> str:
        """The guidance's own name for this level."""
        return _LEVEL_VI[self]


class Requirement(StrEnum):
    """Bắt buộc or mở rộng: which of the two counts of the rule a criterion enters (I.1)."""

    MANDATORY = "mandatory"
    EXTENDED = "extended"

    @property
    def vi(self) -> str:
        """The word that Biểu 04 prints."""
        return _REQUIREMENT_VI[self]


class AnswerKind(StrEnum):
    """The form in which a criterion is answered (Biểu 04; readings 2, 8 and 9)."""

    RATIO = "ratio"
    YES_NO = "yes_no"
    COUNT = "count"
    COMMUNES = "communes_recognised"


_UNIT_KIND_VI = {
    UnitKind.DEPARTMENT: "sở, ban, ngành",
    UnitKind.DISTRICT: "huyện, thị xã, thành phố",
    UnitKind.COMMUNE: "xã, phường, thị trấn",
}
_LEVEL_VI = {Level.BASIC: "đạt chuyển đổi số", Level.ADVANCED: "chuyển đổi số nâng cao"}
_REQUIREMENT_VI = {Requirement.MANDATORY: "bắt buộc", Requirement.EXTENDED: "mở rộng"}
