"""Which files one `VerifyCriterion` enters on Kafka, from `dossier apply` to its reply.

    python -m tests.end_to_end.command_trace                # prints the way, on a broker and a worker of its own
    python -m tests.end_to_end.command_trace --functions    # and which functions of each file are entered

Client and worker are processes of their own, as in operation. Each is warm: it has handled the council and the
dossier's earlier commands before anything is counted, the client in the same run of `dossier apply`, whose input stays
open. Counted are the project's files of which a function is entered from the moment at which the command is given until
its answer is there: by the client's threads, but for the one that reads the log whoever asks, and by the worker's
threads of partitions.
"""

from __future__ import annotations

import gzip
import json
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, Final
from uuid import uuid4

from infra.dev.kafka import kafka

ROOT: Final = Path(__file__).parents[2]
PACKAGES: Final = ("domain", "projections", "consumers", "schemas", "infra")
_GOLDEN: Final = ROOT / "tests/data/golden/v0.1/commands.jsonl.gz"
_COMMUNE: Final = "04762"
_MALFORMED: Final = 7
"""The last lines of the log's commands are wrong or repeated."""
_WITHIN: Final = 120.0
_OF_ITS_OWN_ACCORD: Final = "refresh-index"
"""The thread that keeps the index of a short-lived process near the log's end."""
_TRACED: Final = "traced"
"""The first word on the command line of a traced process."""


@dataclass(frozen=True, slots=True)
class Trace:
    """The files, relative to the project's folder, in the order in which they were entered, each again and again.

    The functions are those of each file, by their qualified names in the order of the first entry.
    """

    client_steps: Sequence[str]
    worker_steps: Sequence[str]
    client_functions: Mapping[str, Sequence[str]]
    worker_functions: Mapping[str, Sequence[str]]

    @property
    def client(self) -> list[str]:
        """The files that the client entered, in the order of the first entry."""
        return list(dict.fromkeys(self.client_steps))

    @property
    def worker(self) -> list[str]:
        """The files that the worker entered, in the order of the first entry."""
        return list(dict.fromkeys(self.worker_steps))

    @property
    def whole(self) -> list[str]:
        """The files of both, the client's first."""
        return list(dict.fromkeys([*self.client_steps, *self.worker_steps]))


class Recorder:
    """Notes the files whose functions are entered, in every thread, between `begin` and `end`."""

    def __init__(self, threads: str = "") -> None:
        """`threads`: how the names of the threads begin that count."""
        self._threads = threads
        self._recording = False
        self._steps: list[str] = []
        self._functions: dict[str, dict[str, None]] = {}
        self._files: dict[CodeType, str | None] = {}

    def install(self) -> None:
        """Listen to this thread and to all that start from now on."""
        threading.setprofile(self._profile)
        sys.setprofile(self._profile)

    def begin(self) -> None:
        """Count from now on."""
        self._steps.clear()
        self._functions.clear()
        self._recording = True

    def end(self) -> tuple[list[str], dict[str, list[str]]]:
        """Stop counting. Returns the files in order, one that calls itself once, and the functions of each."""
        self._recording = False
        # Another thread may be in the middle of noting one.
        functions = list(self._functions.items())
        return list(self._steps), {name: list(entered) for name, entered in functions}

    def _profile(self, frame: FrameType, event: str, _argument: object) -> None:
        if not self._recording or event != "call":
            return
        thread = threading.current_thread().name
        if thread == _OF_ITS_OWN_ACCORD or not thread.startswith(self._threads):
            return
        code = frame.f_code
        if code not in self._files:
            self._files[code] = _project_file(code.co_filename)
        name = self._files[code]
        if name is None:
            return
        self._functions.setdefault(name, {})[code.co_qualname] = None
        if not self._steps or self._steps[-1] != name:
            self._steps.append(name)


def _project_file(filename: str) -> str | None:
    try:
        relative = Path(filename).relative_to(ROOT)
    except ValueError:
        return None
    return relative.as_posix() if relative.parts[0] in PACKAGES else None


def trace_one_command(bootstrap: str, folder: Path) -> Trace:
    """Trace the last verification of a dossier on a log of its own, on the broker at `bootstrap`."""
    folder.mkdir(parents=True, exist_ok=True)
    *earlier, last = _commands()
    url = f"kafka://{bootstrap}?prefix=t{uuid4().hex[:12]}&partitions=2&index={folder / 'index'}"
    with _traced("worker", folder, url) as worker, _traced("apply", folder, url, "-") as client:
        client.give(earlier)
        client.answers(len(earlier))
        for process in (worker, client):
            process.tell(signal.SIGUSR1, "counting")
        client.give([last])
        answer = client.answers(len(earlier) + 1)[-1]
        for process in (worker, client):
            process.tell(signal.SIGUSR2, "entered.json")
        assert answer["ok"], answer
        (client_steps, client_functions), (worker_steps, worker_functions) = client.entered(), worker.entered()
        return Trace(client_steps, worker_steps, client_functions, worker_functions)


def _commands() -> list[bytes]:
    """The council and one commune's dossier, up to and with the last criterion that a member verifies.

    The last one names its dossier by the id, as most systems do.
    """
    # In the traced processes this module comes first, and must import nothing that it traces before it listens.
    from domain.catalogue import Level  # noqa: PLC0415
    from domain.identity import DossierKey  # noqa: PLC0415

    key = DossierKey(_COMMUNE, Level.BASIC, 2024, 1)
    names = ({"unit": key.unit_id, "level": key.level.value, "year": key.year}, str(key.id), key.number)
    chosen: list[bytes] = []
    last = 0
    for line in gzip.decompress(_GOLDEN.read_bytes()).splitlines(keepends=True)[:-_MALFORMED]:
        command = json.loads(line)
        if command["command"] == "EstablishCouncil" or command["dossier"] in names:
            chosen.append(line)
            last = len(chosen) if command["command"] == "VerifyCriterion" else last
    by_id = {**json.loads(chosen[last - 1]), "dossier": str(key.id)}
    return [*chosen[: last - 1], json.dumps(by_id, ensure_ascii=False).encode() + b"\n"]


@dataclass(frozen=True, slots=True)
class _Traced:
    """A process of `dossier` that is listened to, and its files in `folder`."""

    process: subprocess.Popen[bytes]
    folder: Path

    @property
    def output(self) -> Path:
        """What it wrote to standard output."""
        return self.folder / "stdout"

    def give(self, lines: Sequence[bytes]) -> None:
        """Write lines to its standard input."""
        assert self.process.stdin is not None
        self.process.stdin.write(b"".join(lines))
        self.process.stdin.flush()

    def answers(self, number: int) -> list[dict[str, Any]]:
        """Wait for so many answers on its standard output, and read them."""
        self._wait(lambda: self.output.read_bytes().count(b"\n") >= number, f"{number} answers")
        return [json.loads(line) for line in self.output.read_bytes().splitlines()]

    def tell(self, number: signal.Signals, name: str) -> None:
        """Send a signal, and wait for the file that answers it."""
        self.process.send_signal(number)
        self.wait_for(name)

    def wait_for(self, name: str) -> None:
        """Wait for a file of the process."""
        self._wait((self.folder / name).exists, name)

    def _wait(self, is_there: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + _WITHIN
        while not is_there():
            if time.monotonic() > deadline or (self.process.poll() is not None and not is_there()):
                raise AssertionError(f"no {what}: {(self.folder / 'stderr').read_text(encoding='utf-8')}")
            time.sleep(0.01)

    def entered(self) -> tuple[list[str], dict[str, list[str]]]:
        """The files that it entered, and the functions of each."""
        steps, functions = json.loads((self.folder / "entered.json").read_text(encoding="utf-8"))
        return steps, functions


@contextmanager
def _traced(verb: str, folder: Path, url: str, *files: str) -> Iterator[_Traced]:
    own = folder / verb
    own.mkdir()
    with (own / "stdout").open("wb") as out, (own / "stderr").open("wb") as err:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.end_to_end.command_trace", _TRACED, str(own), "--log", url, verb, *files],
            stdin=subprocess.PIPE,
            stdout=out,
            stderr=err,
            cwd=ROOT,
        )
    try:
        yield _Traced(process, own)
    finally:
        process.kill()
        process.communicate()


def _run_traced(folder: Path, log: Sequence[str], verb: str, files: Sequence[str]) -> None:
    """A verb of `dossier`, counting between SIGUSR1 and SIGUSR2."""
    recorder = Recorder("worker-" if verb == "worker" else "")

    def begin(_number: int, _frame: FrameType | None) -> None:
        recorder.begin()
        (folder / "counting").touch()

    def end(_number: int = 0, _frame: FrameType | None = None) -> None:
        (folder / "part").write_text(json.dumps(recorder.end()), encoding="utf-8")
        (folder / "part").rename(folder / "entered.json")

    signal.signal(signal.SIGUSR1, begin)
    signal.signal(signal.SIGUSR2, end)
    recorder.install()
    from infra.cli.main import app  # noqa: PLC0415  # see `_commands`

    app([*log, verb, *files])


def main(*, functions: bool) -> None:
    """Trace on a broker of its own, and print the way and both counts."""
    with tempfile.TemporaryDirectory() as folder, kafka(nodes=1, data_dir=Path(folder) / "kafka") as cluster:
        trace = trace_one_command(cluster.bootstrap, Path(folder) / "trace")
    for title, entered in (("the client", trace.client_functions), ("the worker", trace.worker_functions)):
        print(f"{title} ({len(entered)} files)")
        for name, its_functions in entered.items():
            print(f"    {name}")
            for function in its_functions if functions else ():
                print(f"        {function}")
    print(f"files entered: {len(trace.whole)}, of which by the worker: {len(trace.worker)}")


if __name__ == "__main__":
    if sys.argv[1:2] == [_TRACED]:
        _run_traced(Path(sys.argv[2]), sys.argv[3:5], sys.argv[5], sys.argv[6:])
    else:
        main(functions="--functions" in sys.argv)
