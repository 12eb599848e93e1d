"""The command line and `dossier apply` through a queue on a real broker: as on the embedded log."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any
from uuid import uuid4

from infra.bootstrap import Application
from infra.dev.kafka import KafkaCluster
from infra.kafka.client import KafkaPartitionClient
from infra.settings import load
from tests.infra.queue.conftest import PARTITIONS, System, running_system
from tests.support.terminal import NUMBER, established, self_assessed
from tests.support.waiting import wait_until


def opening(unit: str, **changes: Any) -> dict[str, Any]:
    """An envelope that opens a dossier."""
    return {
        "command": "OpenDossier",
        "command_id": str(uuid4()),
        "dossier": {"unit": unit, "level": "basic", "year": 2023},
        "on": "2023-06-12",
        "actor": {"person": "Lò Văn Thắng", "agency": unit, "role": "applicant"},
        "data": {},
        **changes,
    }


def put(system: System, partition: int, *values: bytes) -> int:
    """Put anything into the queue, as a stranger would; the first one's offset."""
    with Application(load({}, log=system.url)) as made:
        client = KafkaPartitionClient(made.kafka, made.topics.commands, partition)
        try:
            return client.send_durably([(None, value) for value in values])
        finally:
            client.close()


def letters(system: System) -> dict[str, str]:
    """Letter → code."""
    return {each["letter"]: each["error"]["code"] for each in system.terminal.json("dead-letters", "list")}


def wait_for_letter(system: System, name: str) -> str:
    """Its code, once it is there."""
    wait_until(lambda: name in letters(system))
    return letters(system)[name]


def test_a_person_reads_their_own_write(system: System) -> None:
    """Every command is followed by a question that shows it; the council's partition is another one."""
    terminal = system.terminal
    established(terminal)
    self_assessed(terminal)
    assert terminal.json("status", NUMBER)["version"] == 2
    assert [fact["event"] for fact in terminal.json("replay", NUMBER)["timeline"]] == [
        "DossierOpened",
        "SelfAssessmentRecorded",
    ]


def test_a_refusal_is_an_answer_and_no_dead_letter(system: System) -> None:
    said = system.terminal.run("announce", NUMBER, "--place=x", "--form=y", "--on=2024-07-01", code=3)
    assert "error " in said.err
    assert letters(system) == {}


def test_the_same_id_gets_the_first_answer_again(system: System) -> None:
    line = json.dumps(opening("04633"))
    file = system.terminal.file("again.jsonl", f"{line}\n{line}\n")
    first, second = system.terminal.run("apply", file).out.splitlines()
    assert first == second
    assert system.terminal.run("apply", file).out.splitlines() == [first, second]
    other = json.dumps(opening("04633", command_id=json.loads(line)["command_id"], on="2023-06-13"))
    refused = system.terminal.run("apply", system.terminal.file("other.jsonl", other + "\n"), code=3).json
    assert refused["error"]["code"] == "COMMAND_ID_REUSED"


def test_answers_keep_the_order_of_the_lines(system: System) -> None:
    """Across partitions, with lines between them that no worker ever sees."""
    units = ["04636", "04639", "04642", "04645", "04648", "04651"]
    lines = [json.dumps(opening(unit)) for unit in units]
    lines[2:2] = ["no command", json.dumps(opening("no-unit"))]
    said = system.terminal.run("apply", system.terminal.file("order.jsonl", "\n".join(lines) + "\n"), code=2)
    answers = [json.loads(line) for line in said.out.splitlines()]
    assert [answer["ok"] for answer in answers] == [True, True, False, False, True, True, True, True]
    assert [answer["partition"] for answer in answers[2:4]] == [None, None]
    assert {answer["partition"] for answer in answers if answer["ok"]} == set(range(PARTITIONS))


def test_a_command_in_another_partition_can_be_given_again(system: System) -> None:
    """WRONG_PARTITION is a dead letter, and retry finds the right place."""
    line = json.dumps(opening("04654"))
    places = [put(system, partition, line.encode()) for partition in range(PARTITIONS)]
    wrong = [f"{partition}/{offset}" for partition, offset in enumerate(places)]
    found: list[str] = []

    def is_a_letter() -> bool:
        found[:] = [name for name, code in letters(system).items() if name in wrong and code == "WRONG_PARTITION"]
        return bool(found)

    wait_until(is_a_letter)
    assert "was accepted" in system.terminal.run("dead-letters", "retry", found[0]).out
    assert found[0] not in letters(system)


def test_what_cannot_be_read_blocks_nothing(system: System) -> None:
    offset = put(system, 1, b"\xff\xfe no command", b"{}")
    assert wait_for_letter(system, f"1/{offset}") == "NOT_UTF8"
    assert wait_for_letter(system, f"1/{offset + 1}") == "INVALID_COMMAND"
    assert "NOT_UTF8" in system.terminal.run("dead-letters", "show", f"1/{offset}").out
    for place in (offset, offset + 1):
        system.terminal.run("dead-letters", "drop", f"1/{place}")
    assert letters(system) == {}
    assert system.terminal.run("dead-letters", "show", f"1/{offset}", code=2).err
    for unit in ("04657", "04660", "04663"):
        system.terminal.run("open", unit, "--level=basic", "--year=2024", "--on=2024-06-12")


def test_the_doctor_finds_everything_in_order(system: System) -> None:
    found = system.terminal.json("doctor")
    assert found["wrong"] == []
    assert [each["commands_waiting"] for each in found["partitions"]] == [0] * PARTITIONS
    assert all(found["groups"].values())
    assert system.terminal.run("log", "dismiss", "--partition=0").out


def test_apply_killed_and_given_again_acts_once(system: System) -> None:
    """Kill -9 in the middle: the second time every answer is there, and those that were seen are the same."""
    lines = [json.dumps(opening(unit, dossier={"unit": unit, "level": "basic", "year": year}, on=f"{year}-06-12"))
             for year in range(2000, 2022) for unit in ("04666", "04669", "04672", "04675")]  # fmt: skip
    file = Path(system.terminal.file("many.jsonl", "\n".join(lines) + "\n"))
    program = Path(sys.executable).with_name("dossier")
    out = file.with_suffix(".first")
    with out.open("wb") as answers:
        process = subprocess.Popen([program, "--log", system.url, "apply", str(file)], stdout=answers)
        # Killed with some answers given; how many more come first is luck, and all the same.
        wait_until(lambda: out.stat().st_size > 0)
        process.kill()
        process.wait()
    seen = out.read_text().splitlines(keepends=True)
    answers_now = system.terminal.run("apply", str(file), code=0).out.splitlines(keepends=True)
    assert len(answers_now) == len(lines)
    # The last one may have been cut off by the kill.
    assert "".join(answers_now).startswith("".join(seen))
    assert len({json.loads(line)["dossier"] for line in answers_now}) == len(lines)


def test_a_worker_that_dies_is_replaced(system: System) -> None:
    """Killed, it goes on at the log when it is started again."""
    system.running.kill("worker-1")
    system.running.start("worker-1", "worker")
    system.terminal.run("open", "04678", "--level=basic", "--year=2024", "--on=2024-06-12")
    assert system.terminal.json("status", "04678-CB-2024-1")["version"] == 1


def test_nobody_answers(broker: KafkaCluster, tmp_path: Path) -> None:
    """The command stays in the queue; with its id it can be given again."""
    with running_system(broker, tmp_path) as system:
        system.running.stop()
        system.terminal.environment["DOSSIER_ANSWER_WITHIN"] = "2"
        said = system.terminal.run("open", "04681", "--level=basic", "--year=2024", "--on=2024-06-12", code=4)
        assert "NO_ANSWER" in said.err
        assert "--command-id" in said.err
        found = json.loads(system.terminal.run("doctor", "--json", code=4).out)
    assert [each["code"] for each in found["wrong"]] == ["NO_WORKER"]
    assert sum(each["commands_waiting"] for each in found["partitions"]) >= 1
