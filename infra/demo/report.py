"""The summary of the demonstration, as people read it."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Collection
from datetime import date
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from domain.catalogue import Level, UnitKind
from domain.dossier.states import State
from domain.i18n import Language
from infra.demo.summary import day_text, moment_text
from projections.audit import FLAGS
from projections.eligibility import Reason

_KINDS = {
    UnitKind.DEPARTMENT: ("departments", "cấp sở"),
    UnitKind.DISTRICT: ("districts", "cấp huyện"),
    UnitKind.COMMUNE: ("communes", "cấp xã"),
}
_LEVELS = {Level.BASIC.value: "basic", Level.ADVANCED.value: "advanced"}
_SHORT = {Level.BASIC.value: "cơ bản", Level.ADVANCED.value: "nâng cao"}
_CODES_SHOWN = 8


class Screen:
    """Prints in one language to one console."""

    def __init__(self, console: Console, language: Language, seed: int, url: str) -> None:
        self._console, self._language, self._seed, self._url = console, language, seed, url

    def begin(self, log: str, *, replaced: bool) -> None:
        """Say what comes, and where."""
        self._heading(
            f"A simulated province, seed {self._seed}: criteria and units are real, all figures are simulated",
            f"Tỉnh mô phỏng, số {self._seed}: tiêu chí và đơn vị là thật, mọi số liệu đều là mô phỏng",
        )
        if replaced:
            self._print(f"The earlier demo log {log} is replaced.", f"Thay nhật ký mô phỏng trước đó {log}.")
        else:
            self._console.print(self._said(f"Log: {log}", f"Nhật ký: {log}"), soft_wrap=True, markup=False)

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
        self._heading("Commands", "Lệnh")
        self._print(
            f"{found['accepted']} accepted, {refused} refused by a rule, as meant; {found['events']} events, "
            f"{found['dossiers']} dossiers, {seconds:.1f} s; simulated days until {found['until']}",
            f"{found['accepted']} được chấp nhận, {refused} bị quy tắc từ chối như dự kiến; {found['events']} sự kiện, "
            f"{found['dossiers']} hồ sơ, {seconds:.1f} giây; mô phỏng đến ngày {day_text(found['until'], 'vi')}",
        )
        most = sorted(found["refused"].items(), key=lambda entry: (-entry[1], entry[0]))
        shown = ", ".join(f"{code} {count}" for code, count in most[:_CODES_SHOWN])
        more = len(most) - _CODES_SHOWN
        self._print(f"refused: {shown}, {more} more codes", f"bị từ chối: {shown}, và {more} mã khác")

    def _states(self, found: dict[str, Any]) -> None:
        columns = [self._said("state", "trạng thái"), *(self._kind(kind) for kind in UnitKind)]
        table = self._table(self._said("Where the dossiers stand", "Trạng thái hồ sơ"), columns)
        for name, kinds in found["states"].items():
            state = State(name)
            table.add_row(self._said(state.en, state.vi), *(str(kinds.get(kind.value, "")) for kind in UnitKind))
        self._console.print(table)
        overdue = ", ".join(found["overdue"])
        self._print(f"overdue on the last day: {overdue}", f"quá hạn vào ngày cuối: {overdue}")

    def _flags(self, found: dict[str, Any]) -> None:
        columns = [self._said("flag", "dấu hiệu"), self._said("facts", "sự kiện"), self._said("dossiers", "hồ sơ")]
        table = self._table(self._said("What the audit flags", "Kiểm tra đánh dấu"), columns)
        for flag, counted in found["flags"].items():
            table.add_row(self._said(*FLAGS[flag]), str(counted["facts"]), str(counted["dossiers"]))
        self._console.print(table)

    def _eligibility(self, found: dict[str, Any]) -> None:
        title = self._said(
            "Units by tier of support; eligible is not paid, and no amount is configured",
            "Đơn vị theo mức hỗ trợ; đủ điều kiện chưa phải là đã chi, chưa cấu hình mức tiền",
        )
        table = self._table(title, [self._said("tier, or why not", "mức, hoặc lý do"), *map(self._kind, UnitKind)])
        reasons = {why: None for counted in found["eligibility"].values() for why in counted}
        order = [*_LEVELS, *(reason.value for reason in Reason)]
        for why in sorted(reasons, key=order.index):
            named = self._said(_LEVELS[why], Level(why).vi) if why in _LEVELS else Reason(why).text(self._language)
            table.add_row(named, *(str(found["eligibility"][kind.value].get(why, "")) for kind in UnitKind))
        self._console.print(table)

    def _districts(self, found: dict[str, Any]) -> None:
        title = self._said(
            "Criterion I.1 of the districts, computed from recognitions",
            "Tiêu chí I.1 cấp huyện, tính từ các quyết định công nhận",
        )
        columns = [
            self._said("district", "huyện"),
            self._said("recognised (half)", "công nhận (50%)"),
            self._said("advanced", "nâng cao"),
            self._said("meets", "đạt"),
            self._said("its own dossiers", "hồ sơ của huyện"),
        ]
        table = self._table(title, columns, texts=(0, 3, 4))
        for row in found["districts"]:
            levels = (self._said(_LEVELS[level], _SHORT[level]) for level in row["meets"])
            own = (f"{number}\n  {self._state(state)}" for number, state in row["dossiers"].items())
            recognised = f"{row['recognised']}/{row['communes']} (≥ {row['needed_for_basic']})"
            table.add_row(row["name"], recognised, str(row["advanced"]), "\n".join(levels), "\n".join(own))
        self._console.print(table)

    def _replay(self, replay: dict[str, Any]) -> None:
        title = self._said(f"The way of one dossier, {replay['dossier']}", f"Quá trình một hồ sơ, {replay['dossier']}")
        columns = ["#", self._said("day", "ngày"), self._said("fact", "sự kiện"), self._said("by", "cơ quan")]
        table = self._table(title, columns, texts=(1, 2, 3))
        for fact in replay["timeline"]:
            told = [fact["event"] + (f" ×{fact['facts']}" if fact["facts"] > 1 else ""), *fact["flags"]]
            if fact["corrected_by"]:
                told.append(self._said("corrected by #", "được đính chính bởi #") + str(fact["corrected_by"]))
            day = day_text(date.fromisoformat(fact["took_place_on"]), self._language)
            table.add_row(str(fact["version"]), day, "\n  ".join(told), fact["agency"])
        self._console.print(table)
        self._two_times(replay)

    def _two_times(self, replay: dict[str, Any]) -> None:
        code, day = replay["criterion"], day_text(replay["day"], self._language)
        title = self._said(
            f"Two times can be asked, here about {code} and the day of the decision",
            f"Có thể hỏi theo hai mốc thời gian, ví dụ về {code} và ngày quyết định",
        )
        columns = [
            "",
            self._said("known when it was recorded", "đã biết khi ghi quyết định"),
            self._said(f"true on {day}, as known today", f"đúng vào ngày {day}, theo hiểu biết hiện nay"),
        ]
        table = self._table(title, columns)
        both = (replay["known"], replay["true"])
        table.add_row(self._said("state", "trạng thái"), *(self._state(held["state"]) for held in both))
        table.add_row(self._said(f"result on {code}", f"kết quả {code}"), *map(self._result, both))
        extended = (f"{held['extended_met']}/{held['extended_of']} (≥ {held['extended_needed']})" for held in both)
        table.add_row(self._said("extended criteria met", "tiêu chí mở rộng đạt"), *extended)
        self._console.print(table)

    def _go_on(self, found: dict[str, Any]) -> None:
        self._heading("How to go on: the log is yours to explore", "Tiếp theo: tự khám phá nhật ký này")
        replay = found["replay"]
        program = _program()
        if self._url.startswith("kafka:"):
            # Too long to be repeated in every line.
            self._console.print(f"  export DOSSIER_LOG={shlex.quote(self._url)}", soft_wrap=True, markup=False)
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
            self._console.print(f"  {program} {asked}", soft_wrap=True, markup=False)

    def _result(self, held: dict[str, Any]) -> str:
        met = self._said("met", "đạt") if held["met"] else self._said("not met", "không đạt")
        return f"{held['a']}/{held['b']}: {met}"

    def _state(self, name: str) -> str:
        return self._said(State(name).en, State(name).vi)

    def _kind(self, kind: UnitKind) -> str:
        return self._said(*_KINDS[kind])

    @staticmethod
    def _table(title: str, columns: list[str], *, texts: Collection[int] = (0,)) -> Table:
        """A table; the columns in `texts` are words, the others numbers."""
        table = Table(title=f"\n{title}", title_justify="left", title_style="bold")
        for place, name in enumerate(columns):
            table.add_column(name, justify="left" if place in texts else "right", overflow="fold")
        return table

    def _heading(self, en: str, vi: str) -> None:
        self._console.print()
        self._console.print(self._said(en, vi), style="bold", markup=False)

    def _print(self, en: str, vi: str) -> None:
        self._console.print(self._said(en, vi), markup=False)

    def _said(self, en: str, vi: str) -> str:
        return vi if self._language == "vi" else en


def _program() -> str:
    """The program as it was called, so that its commands can be copied."""
    called = Path(sys.argv[0])
    if called.name != "dossier":
        return "dossier"
    here = Path.cwd()
    return shlex.quote(str(called.relative_to(here) if called.is_relative_to(here) else called))
