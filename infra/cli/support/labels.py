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
    return State(state).text.into(language)


def level_name(level: str, language: Language) -> str:
    """The name of a level."""
    return Level(level).text.into(language)


def kind_name(kind: str, language: Language) -> str:
    """The name of a kind of unit."""
    return UnitKind(kind).text.into(language)


def role_name(role: str, language: Language) -> str:
    """The name of a role."""
    return Role(role).text.into(language)


def next_step(row: Mapping[str, Any], session: Session) -> str:
    """Who must act next on a dossier, by its row of the read model "status"."""
    role = row["next_role"]
    return role_name(role, session.language) if role else session.text("nobody must act")


def counts_text(row: Mapping[str, Any], session: Session) -> str:
    """The two counts of the rule; empty before there are any."""
    if row["mandatory_of"] is None:
        return ""
    mandatory = f"{row['mandatory_met']}/{row['mandatory_of']}"
    extended = f"{row['extended_met']}/{row['extended_of']}"
    needed = row["extended_needed"]
    return session.text(
        "mandatory {mandatory}, extended {extended} ({needed} needed)",
        mandatory=mandatory,
        extended=extended,
        needed=needed,
    )
