"""Reads Biểu 04 from the text of the guidance, by its lines alone: it knows nothing of the catalogue."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

GUIDANCE = Path(__file__).parents[2] / "data" / "guidance-02-hd-ubnd-2024.txt"
TABLES = {
    "department": "CÔNG NHẬN SỞ, BAN, NGÀNH ĐẠT",
    "district": "CÔNG NHẬN CÁC HUYỆN, THỊ XÃ, THÀNH PHỐ ĐẠT",
    "commune": "CÔNG NHẬN CÁC XÃ, PHƯỜNG, THỊ TRẤN ĐẠT",
}
GROUPS = ("I", "II", "III", "IV")
REQUIREMENTS = ("Bắt buộc", "Mở rộng")
FORMULA = re.compile(r"[ab] ?=|-? ?Tỷ lệ ?=")
BODIES = re.compile(r"[,;] (?=Sở |Cục |Công |Văn |Bảo |Ngân )")


@dataclass(frozen=True)
class Row:
    """One criterion as printed. `columns` are pairs of target and bắt buộc/mở rộng, left to right.

    `texts` are the lines of the columns of method and evidence, in order; `formula` those of them that define
    a, b and the ratio. `line` is the 1-based line of its number.
    """

    kind: str
    group: str
    group_title: str
    number: int
    line: int
    name: str
    unit: str | None
    columns: tuple[tuple[str, str], ...]
    texts: tuple[str, ...]
    agency_text: str

    @property
    def id(self) -> str:
        """The row's place: kind, group, number."""
        return f"{self.kind}.{self.group}.{self.number}"

    @property
    def formula(self) -> tuple[str, ...]:
        """The lines that define a, b and the ratio."""
        return tuple(text for text in self.texts if FORMULA.match(text))

    @property
    def agencies(self) -> tuple[str, tuple[str, ...]]:
        """The spelling of the lead, and those of the coordinating agencies in the order printed."""
        # Two rows print the centre after the verb: "Văn phòng UBND tỉnh chủ trì (Trung tâm …)".
        text = re.sub(r" (chủ trì|phối hợp) (\([^)]*\))", r" \2 \1", self.agency_text)
        lead, verb, others = text.partition(" chủ trì")
        if not verb:
            return text, ()
        return lead, tuple(BODIES.split(others.strip(" .;").removesuffix(" phối hợp")))


@cache
def lines() -> tuple[str, ...]:
    """The text's lines, with runs of blanks (some are no-break spaces) as one."""
    return tuple(" ".join(line.split()) for line in GUIDANCE.read_text(encoding="utf-8").split("\n"))


@cache
def rows() -> tuple[Row, ...]:
    """Every criterion of Biểu 04, in order."""
    starts = {
        kind: next(at for at, line in enumerate(lines()) if title in line and line.startswith("HƯỚNG DẪN LẤY"))
        for kind, title in TABLES.items()
    }
    ends = [
        *list(starts.values())[1:],
        next(at for at, line in enumerate(lines()) if line.startswith("[1] ")),
    ]
    return tuple(
        row for (kind, start), end in zip(starts.items(), ends, strict=True) for row in _table(kind, start, end)
    )


def _table(kind: str, start: int, end: int) -> list[Row]:
    """The rows between two lines. A number begins a row only where it is the next: a target of 20 is none."""
    # The heading's last cell; the first group follows it.
    first = max(at for at in range(start, start + 20) if lines()[at] == "Bắt buộc/ Mở rộng") + 1
    marks: list[tuple[tuple[str, str, str, int], int]] = []
    group, title, number = -1, "", 0
    breaks = [end]
    for at in range(first, end):
        if group + 1 < len(GROUPS) and lines()[at] == GROUPS[group + 1]:
            group, title, number = group + 1, lines()[at + 1], 0
            breaks.append(at)
        elif lines()[at] == str(number + 1):
            number += 1
            marks.append(((kind, GROUPS[group], title, number), at))
            breaks.append(at)
    breaks.sort()
    return [_row(place, at, list(lines()[at + 1 : next(stop for stop in breaks if stop > at)])) for place, at in marks]


def _row(place: tuple[str, str, str, int], at: int, cells: list[str]) -> Row:
    kind, group, title, number = place
    required = next(index for index, cell in enumerate(cells) if cell in REQUIREMENTS)
    name, *unit, target = cells[:required]
    columns = [(target, cells[required])]
    rest = cells[required + 1 :]
    if rest[1] in REQUIREMENTS:
        columns.append((rest[0], rest[1]))
        rest = rest[2:]
    # A coordinating agency may stand on a line of its own, below the lead.
    agency_lines = 2 if "phối hợp" in rest[-1] and "chủ trì" not in rest[-1] else 1
    return Row(
        kind=kind,
        group=group,
        group_title=title,
        number=number,
        line=at + 1,
        name=name,
        unit=unit[0] if unit else None,
        columns=tuple(columns),
        texts=tuple(rest[:-agency_lines]),
        agency_text=" ".join(rest[-agency_lines:]),
    )
