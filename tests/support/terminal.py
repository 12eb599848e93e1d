"""The command line as a person uses it, in this process; and one commune's way through the procedure."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from typer.main import get_command
from typer.testing import CliRunner

from infra.cli.main import app

COMMUNE = "04630"
NUMBER = "04630-CB-2024-1"
PERSON = "Lò Văn Thắng"


@dataclass(frozen=True)
class Said:
    """What a run said, and with which exit code it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON value on stdout."""
        return json.loads(self.out)


@cache
def _program() -> Any:
    """The command line, made once: to make it takes longer than most commands do."""
    return get_command(app)


class Terminal:
    """Runs `dossier` on a log of its own; files are written beside it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = f"sqlite:///{folder / 'log.sqlite'}"
        self.environment = {"DOSSIER_LOG": self.log, "DOSSIER_PERSON": PERSON, "DOSSIER_VIEWS": "", "DOSSIER_LANG": ""}
        self.paper = self.file("paper.pdf", "%PDF-1.7 a paper")

    def run(self, *arguments: str, code: int = 0, given: str | bytes | None = None) -> Said:
        """Run with arguments and an input; the exit code must be `code`."""
        said = self.ask(*arguments, given=given)
        assert said.code == code, f"{said.code}: {said.out}\n{said.err}"
        return said

    def ask(self, *arguments: str, given: str | bytes | None = None) -> Said:
        """Run, whatever the exit code will be."""
        code: int | str | None = 0
        with CliRunner().isolation(input=given, env=self.environment) as (out, err, _):
            try:
                _program().main(args=list(arguments), prog_name="dossier")
            except SystemExit as ended:
                code = ended.code
            sys.stdout.flush()
            sys.stderr.flush()
            assert isinstance(code, int)
            return Said(code, out.getvalue().decode(), err.getvalue().decode())

    def json(self, *arguments: str) -> Any:
        """What a run with --json answers."""
        return self.run(*arguments, "--json").json

    def rows(self, *arguments: str) -> Any:
        """The rows of a list of answers."""
        return self.json(*arguments)["rows"]

    def file(self, name: str, contents: str | bytes) -> str:
        """The path of a new file."""
        path = self.folder / name
        path.write_bytes(contents.encode() if isinstance(contents, str) else contents)
        return str(path)

    def doc(self, number: str, day: str, issuer: str = "UBND xã Tú Lệ") -> str:
        """A document that is written as DOC."""
        return f"{number}|{day}|{issuer}|{self.paper}"


def figures(form: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Code → a figure that meets any target, for every criterion of a self-assessment form."""
    meets: dict[str, Any] = {"a": 100, "b": 100, "answer": True, "count": 10_000}
    return {
        code: {key: meets[key] for key in asked["figure"]}
        for code, asked in form.items()
        if isinstance(asked, dict) and "figure" in asked
    }


def meeting(terminal: Terminal, day: str) -> str:
    """A file with the minutes of a meeting, filled in from its form."""
    form = terminal.json("template", "meeting")
    someone = {"name": "Hoàng Văn Sơn", "position": "Phó Chủ tịch", "organisation": "UBND huyện Văn Chấn"}
    form |= {
        "place": "Hội trường UBND huyện",
        "body": "Hội đồng thẩm định huyện Văn Chấn",
        "chair": someone,
        "secretary": someone,
        "present": [someone],
        "report_presented": "Báo cáo kết quả thực hiện Bộ tiêu chí",
        "opinions": ["Nhất trí"],
        "votes": {"in_favour": 9, "attending": 11, "percent": "81.82"},
        "signatures": ["Hoàng Văn Sơn"],
        "minutes": terminal.doc("", day),
    }
    return terminal.file("meeting.json", json.dumps(form, ensure_ascii=False))


def established(terminal: Terminal) -> None:
    """The provincial council."""
    members = terminal.json("template", "members")
    for member in members:
        member |= {"name": "Phạm Quốc Huy", "position": "Phó Giám đốc"}
    terminal.run(
        "establish-council",
        "--decision",
        terminal.doc("986/QĐ-UBND", "2024-06-11"),
        "--signer=Nguyễn Văn An",
        "--capacity=chairman",
        "--chair=Lê Thị Bình|Phó Chủ tịch UBND tỉnh|ubnd-tinh",
        "--vice-chair=Trần Thị Thu Hà|Giám đốc|so-tttt",
        "--members",
        terminal.file("members.json", json.dumps(members, ensure_ascii=False)),
    )


def self_assessed(terminal: Terminal) -> None:
    """Opened and assessed, by the form."""
    terminal.run("open", COMMUNE, "--level=basic", "--year=2024", "--on=2024-06-12")
    form = terminal.json("template", "self-assessment", NUMBER)
    for code, figure in figures(form).items():
        form[code] |= {"figure": figure, "evidence": [f"21/BC-UBND|2024-06-14|UBND xã|{terminal.paper}"]}
    claims = terminal.file("claims.json", json.dumps(form, ensure_ascii=False))
    terminal.run("self-assess", NUMBER, "--claims", claims, "--on=2024-06-17")


def at_province(terminal: Terminal) -> None:
    """Through the district and received by the province."""
    terminal.run("submit-to-district", NUMBER, "--report", terminal.doc("25/BC-UBND", "2024-06-18"), "--on=2024-06-19")
    form = terminal.json("template", "findings", NUMBER)
    for found in form.values():
        if isinstance(found, dict):
            found.update(found["_claimed"])
    findings = terminal.file("findings.json", json.dumps(form, ensure_ascii=False))
    terminal.run(
        "appraise",
        NUMBER,
        "--findings",
        findings,
        "--meeting",
        meeting(terminal, "2024-06-25"),
        "--on=2024-06-25",
    )
    terminal.run(
        "send-on",
        NUMBER,
        "--letter",
        terminal.doc("142/TTr-UBND", "2024-06-26"),
        "--minutes",
        terminal.doc("", "2024-06-25"),
        "--on=2024-06-26",
    )
    terminal.run("receive", NUMBER, "--on=2024-07-01")


def forwarded(terminal: Terminal, day: str = "2024-07-10") -> None:
    """Forwarded with one letter to all."""
    terminal.run("forward", NUMBER, "--letter-to-all", terminal.doc("701/STTTT", day), f"--on={day}")


def options(figure: dict[str, Any]) -> list[str]:
    """A figure as options of `verify`."""
    if "answer" in figure:
        return ["--yes" if figure["answer"] else "--no"]
    return [f"--{key}={value}" for key, value in figure.items()]


def verified(terminal: Terminal, day: str = "2024-07-18", *, leave_out: str | None = None) -> None:
    """Every criterion verified, on system data."""
    criteria = terminal.json("replay", NUMBER)["criteria"]
    for code, known in criteria.items():
        if code != leave_out and known["result"] is None:
            figure = {key: value for key, value in known["claimed"].items() if value is not None}
            letter = terminal.doc("915/KQ", day)
            terminal.run("verify", NUMBER, code, *options(figure), "--system=SIPAS", "--letter", letter, f"--on={day}")


def proposed(terminal: Terminal) -> None:
    """Summed up, met upon and proposed."""
    terminal.run("sum-up", NUMBER, "--report", terminal.doc("210/BC", "2024-07-24"), "--on=2024-07-24")
    terminal.run(
        "council-meeting",
        NUMBER,
        "--chair=Lê Thị Bình|Phó Chủ tịch|UBND tỉnh",
        "--present=Lê Thị Bình|Phó Chủ tịch|UBND tỉnh",
        "--minutes",
        terminal.doc("", "2024-07-30"),
        "--recommends",
        "--votes=9/11=81.82",
        "--on=2024-07-30",
    )
    terminal.run("propose", NUMBER, "--letter", terminal.doc("77/TTr", "2024-08-01"), "--on=2024-08-01")


def signed(terminal: Terminal, number: str, day: str) -> list[str]:
    """A decision of the Chairman."""
    return ["--decision", terminal.doc(number, day), "--signer=Nguyễn Văn An", "--capacity=chairman"]


def announced(terminal: Terminal) -> None:
    """Approved and announced."""
    terminal.run("approve", NUMBER, "--level=basic", *signed(terminal, "1245/QĐ-UBND", "2024-08-15"))
    terminal.run("announce", NUMBER, "--place=Nhà văn hóa", "--form=Hội nghị", "--on=2024-08-22")
