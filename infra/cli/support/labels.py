"""States, levels and roles in the words of a language."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from domain.authorization import Role
from domain.catalogue import Level, UnitKind
from domain.dossier.states import State
from domain.i18n import Language
from infra.cli.support.session import Session


def state_name(state: str, language: Language) -> str:
    """The name of a state."""
    found = State(state)
    return found.vi if language == "vi" else found.en


def level_name(level: str, language: Language) -> str:
    """The name of a level."""
    return Level(level).vi if language == "vi" else level


def kind_name(kind: str, language: Language) -> str:
    """The name of a kind of unit."""
    return UnitKind(kind).vi if language == "vi" else kind


def role_name(role: str, language: Language) -> str:
    """The name of a role."""
    return Role(role).vi if language == "vi" else role.replace("_", " ")


def next_step(row: Mapping[str, Any], session: Session) -> str:
    """Who must act next on a dossier, by its row of the read model "status"."""
    role = row["next_role"]
    return role_name(role, session.language) if role else session.said("nobody must act", "không còn bước bắt buộc")


def counts_text(row: Mapping[str, Any], session: Session) -> str:
    """The two counts of the rule; empty before there are any."""
    if row["mandatory_of"] is None:
        return ""
    mandatory = f"{row['mandatory_met']}/{row['mandatory_of']}"
    extended = f"{row['extended_met']}/{row['extended_of']}"
    needed = row["extended_needed"]
    return session.said(
        f"mandatory {mandatory}, extended {extended} ({needed} needed)",
        f"bắt buộc {mandatory}, mở rộng {extended} (cần {needed})",
    )
