"""The summary of the demonstration, as people read it."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Collection
from datetime import date
from pathlib import Path
from typing import Any

from rich.table import Table

from domain.catalogue import Level, UnitKind
from domain.dossier.states import State
from domain.i18n import Language, text, translatable
from infra.demo.summary import day_text, moment_text
from infra.terminal.console import TerminalConsole
from projections.audit import FLAGS
from projections.eligibility import Reason

_KINDS = {
    UnitKind.DEPARTMENT: translatable("departments"),
    UnitKind.DISTRICT: translatable("districts"),
    UnitKind.COMMUNE: translatable("communes"),
}
_LEVELS = frozenset(level.value for level in Level)
_CODES_SHOWN = 8


class Screen:
    """Prints in one language to one console."""

    def __init__(self, console: TerminalConsole, language: Language, seed: int, url: str) -> None:
        self._console, self._language, self._seed, self._url = console, language, seed, url

    def begin(self, log: str, *, replaced: bool) -> None:
        """Say what comes, and where."""
        self._heading(
            self._text(
                "A simulated province, seed {seed}: criteria and units are real, all figures are simulated",
                seed=self._seed,
            )
        )
        if replaced:
            self._print(self._text("The earlier demo log {log} is replaced.", log=log))
        else:
            self._console.print(self._text("Log: {log}", log=log), soft_wrap=True)

    def show(self, found: dict[str, Any], seconds: float) -> None:
        """The whole summary."""
        self._commands(found, seconds)
        self._states(found)
        self._flags(found)
        self._eligibility(found)
        self._districts(found)
        self._replay(found["replay"])
        self._go_on(found)

    def _commands(self, found: dict[str, Any], seconds: float) -> None:
        refused = sum(found["refused"].values())
        self._heading(self._text("Commands"))
        self._print(
            self._text(
                "{accepted} accepted, {refused} refused by a rule, as meant; {events} events, {dossiers} dossiers, "
                "{seconds:.1f} s; simulated days until {until}",
                accepted=found["accepted"],
                refused=refused,
                events=found["events"],
                dossiers=found["dossiers"],
                seconds=seconds,
                until=day_text(found["until"], self._language),
            )
        )
        most = sorted(found["refused"].items(), key=lambda entry: (-entry[1], entry[0]))
        shown = ", ".join(f"{code} {count}" for code, count in most[:_CODES_SHOWN])
        more = len(most) - _CODES_SHOWN
        self._print(self._text("refused: {shown}, {more} more codes", shown=shown, more=more))

    def _states(self, found: dict[str, Any]) -> None:
        columns = [self._text("state"), *(self._kind(kind) for kind in UnitKind)]
        table = self._table(self._text("Where the dossiers stand"), columns)
        for name, kinds in found["states"].items():
            state = State(name)
            table.add_row(state.text.into(self._language), *(str(kinds.get(kind.value, "")) for kind in UnitKind))
        self._console.print(table)
        overdue = ", ".join(found["overdue"])
        self._print(self._text("overdue on the last day: {overdue}", overdue=overdue))

    def _flags(self, found: dict[str, Any]) -> None:
        columns = [self._text("flag"), self._text("facts"), self._text("dossiers")]
        table = self._table(self._text("What the audit flags"), columns)
        for flag, counted in found["flags"].items():
            table.add_row(self._text(FLAGS[flag]), str(counted["facts"]), str(counted["dossiers"]))
        self._console.print(table)

    def _eligibility(self, found: dict[str, Any]) -> None:
        title = self._text("Units by tier of support; eligible is not paid, and no amount is configured")
        table = self._table(title, [self._text("tier, or why not"), *map(self._kind, UnitKind)])
        reasons = {why: None for counted in found["eligibility"].values() for why in counted}
        order = [*_LEVELS, *(reason.value for reason in Reason)]
        for why in sorted(reasons, key=order.index):
            named = (Level(why) if why in _LEVELS else Reason(why)).text.into(self._language)
            table.add_row(named, *(str(found["eligibility"][kind.value].get(why, "")) for kind in UnitKind))
        self._console.print(table)

    def _districts(self, found: dict[str, Any]) -> None:
        title = self._text("Criterion I.1 of the districts, computed from recognitions")
        columns = [
            self._text("District"),
            self._text("recognised (half)"),
            Level.ADVANCED.text.into(self._language),
            self._text("meets"),
            self._text("its own dossiers"),
        ]
        table = self._table(title, columns, texts=(0, 3, 4))
        for row in found["districts"]:
            levels = (Level(level).text.into(self._language) for level in row["meets"])
            own = (f"{number}\n  {self._state(state)}" for number, state in row["dossiers"].items())
            recognised = f"{row['recognised']}/{row['communes']} (≥ {row['needed_for_basic']})"
            table.add_row(row["name"], recognised, str(row["advanced"]), "\n".join(levels), "\n".join(own))
        self._console.print(table)

    def _replay(self, replay: dict[str, Any]) -> None:
        title = self._text("The way of one dossier, {dossier}", dossier=replay["dossier"])
        columns = ["#", self._text("day"), self._text("fact"), self._text("by")]
        table = self._table(title, columns, texts=(1, 2, 3))
        for fact in replay["timeline"]:
            parts = [fact["event"] + (f" ×{fact['facts']}" if fact["facts"] > 1 else ""), *fact["flags"]]
            if fact["corrected_by"]:
                parts.append(self._text("corrected by #") + str(fact["corrected_by"]))
            day = day_text(date.fromisoformat(fact["took_place_on"]), self._language)
            table.add_row(str(fact["version"]), day, "\n  ".join(parts), fact["agency"])
        self._console.print(table)
        self._two_times(replay)

    def _two_times(self, replay: dict[str, Any]) -> None:
        code, day = replay["criterion"], day_text(replay["day"], self._language)
        title = self._text("Two times can be asked, here about {code} and the day of the decision", code=code)
        columns = [
            "",
            self._text("known when it was recorded"),
            self._text("true on {day}, as known today", day=day),
        ]
        table = self._table(title, columns)
        both = (replay["known"], replay["true"])
        table.add_row(self._text("state"), *(self._state(held["state"]) for held in both))
        table.add_row(self._text("result on {code}", code=code), *map(self._result, both))
        extended = (f"{held['extended_met']}/{held['extended_of']} (≥ {held['extended_needed']})" for held in both)
        table.add_row(self._text("extended criteria met"), *extended)
        self._console.print(table)

    def _go_on(self, found: dict[str, Any]) -> None:
        self._heading(self._text("How to go on: the log is yours to explore"))
        replay = found["replay"]
        program = _program()
        if self._url.startswith("kafka:"):
            # Too long to be repeated in every line.
            self._console.print(f"  export DOSSIER_LOG={shlex.quote(self._url)}", soft_wrap=True)
        else:
            program += f" --log {shlex.quote(self._url)}"
        if self._language == "vi":
            program += " --lang vi"
        number, moment = replay["dossier"], moment_text(replay["moment"])
        district = next(row["unit"] for row in found["districts"] if len(row["meets"]) == len(_LEVELS))
        for asked in (
            "status",
            f"status --district {district}",
            f"status {number}",
            f"audit {number}",
            f"replay {number} --recorded-by {moment}",
            f"replay {number} --true-on {replay['day'].isoformat()}",
            "eligibility",
            "rebuild --all",
        ):
            # Not wrapped, so that each can be copied as one line.
            self._console.print(f"  {program} {asked}", soft_wrap=True)

    def _result(self, held: dict[str, Any]) -> str:
        met = self._text("met") if held["met"] else self._text("not met")
        return f"{held['a']}/{held['b']}: {met}"

    def _state(self, name: str) -> str:
        return State(name).text.into(self._language)

    def _kind(self, kind: UnitKind) -> str:
        return self._text(_KINDS[kind])

    @staticmethod
    def _table(title: str, columns: list[str], *, texts: Collection[int] = (0,)) -> Table:
        """A table; the columns in `texts` are words, the others numbers."""
        table = Table(title=f"\n{title}", title_justify="left", title_style="bold")
        for place, name in enumerate(columns):
            table.add_column(name, justify="left" if place in texts else "right", overflow="fold")
        return table

    def _heading(self, text: str) -> None:
        self._console.print()
        self._console.print(text, style="bold")

    def _print(self, text: str) -> None:
        self._console.print(text)

    def _text(self, english: str, **values: object) -> str:
        return text(english, self._language, **values)


def _program() -> str:
    """The program as it was called, so that its commands can be copied."""
    called = Path(sys.argv[0])
    if called.name != "dossier":
        return "dossier"
    here = Path.cwd()
    return shlex.quote(str(called.relative_to(here) if called.is_relative_to(here) else called))
