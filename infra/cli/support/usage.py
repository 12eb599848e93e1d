"""A command line that cannot be parsed: what is wrong with it, without what was typed.

A word in the wrong place may be a secret (`--secrt=…`, a password behind an option that takes none), and what is
printed ends up in terminals and logs. So only names are repeated that look like an option's or a command's.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from difflib import get_close_matches
from typing import Any, Final

from typer.exceptions import TyperException

from domain.i18n import Text, pair, translatable
from infra.cli.support.errors import BadOption

_PLAIN: Final = re.compile(r"(--)?[a-z]+(-[a-z]+)*|-[a-zA-Z]")
_LONGEST: Final = 24
_DASHES: Final = ("\u2010", "\u2011", "\u2012", "\u2013", "\u2014", "\u2015", "\u2212")
_CHOICE: Final = re.compile("Value error, .* is not one of (.*)", re.DOTALL)
"""How Typer tells that a value is no choice of an option: with the value."""
_TOLD: Final[Mapping[str, str]] = {
    "Missing \\w+ '(?P<name>[^']+)'\\. Choose from: (?P<choices>.+)": translatable(
        "{name} is missing, one of {choices}"
    ),
    "Missing \\w+ '(?P<name>[^']+)' \\(env var: '(?P<variable>\\w+)'\\)\\.": translatable(
        "{name} is missing, and so is {variable} in the environment"
    ),
    "Missing \\w+ '(?P<name>[^']+)'\\.": translatable("{name} is missing"),
    "Option '(?P<name>[^']+)' requires an argument\\.": translatable("{name} takes a value"),
    "Option '(?P<name>[^']+)' does not take a value\\.": translatable("{name} takes no value"),
    "Invalid value for '(?P<name>[^']+)': .* valid integer.*": translatable("{name} takes a whole number"),
    "Invalid value for '(?P<name>[^']+)': .* valid number.*": translatable("{name} takes a number"),
    "Invalid value for '(?P<name>[^']+)': .* greater than or equal to (?P<bound>[\\d.]+)": translatable(
        "{name} is {bound} or more"
    ),
    "Invalid value for '(?P<name>[^']+)': .* less than or equal to (?P<bound>[\\d.]+)": translatable(
        "{name} is {bound} or less"
    ),
}
"""How Typer tells what else is wrong, always in English, and how it is told here."""


def usage_error(error: TyperException) -> BadOption | None:
    """What Typer's parser found, as an error of ours; None where it only showed the help."""
    # The choices of what is missing stand on lines of their own.
    message = " ".join(error.format_message().split())
    possible: Any = getattr(error, "possibilities", None)
    if possible is not None:
        name: Any = getattr(error, "option_name", None)
        return BadOption(reason=_unknown(name, sorted(possible)))
    choice = _CHOICE.search(message)
    if choice is not None:
        param: Any = getattr(error, "param", None)
        return BadOption(
            reason=pair("{option} is one of {choices}", option=param.opts[0], choices=choice[1].rstrip("."))
        )
    for pattern in _TOLD:
        found = re.fullmatch(pattern, message)
        if found is not None:
            return BadOption(reason=pair(_TOLD[pattern], **found.groupdict()))
    return BadOption(reason=Text(message, message)) if message else None


def no_such_command(name: str, commands: Collection[str]) -> BadOption:
    """A word that names none of the commands that could stand there."""
    return BadOption(reason=_unknown(name, get_close_matches(name, commands)))


def too_many_arguments() -> BadOption:
    """More words than a command takes."""
    return BadOption(reason=pair("there are more arguments than the command takes"))


def refuse_other_dashes(word: object) -> None:
    """Raises BadOption for an option that was copied from a text: its dashes made it an argument."""
    if isinstance(word, str) and word.startswith(_DASHES):
        raise BadOption(reason=pair("an option begins with two hyphens, and not with another dash"))


def _unknown(name: str, possible: list[str]) -> Text:
    if len(name) > _LONGEST or not _PLAIN.fullmatch(name):
        name = "…"
    if possible:
        return pair("{name} is not known; perhaps {names}", name=name, names=", ".join(possible))
    return pair("{name} is not known", name=name)
