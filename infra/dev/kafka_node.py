"""One broker of the development Kafka: its settings, its process, and the faults that a test may do to it."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

from infra.dev.kafka_jars import KafkaUnavailable
from infra.dev.kafka_security import Security

# One broker needs a second. Several that stop at once wait for a quorum that is gone: Kafka recovers from the kill.
_STOP_TIMEOUT: Final = 5.0
_LOG4J: Final = """\
<?xml version="1.0" encoding="UTF-8"?>
<Configuration status="WARN">
  <Appenders>
    <File name="file" fileName="{log}"><PatternLayout pattern="%d{{ISO8601}} %-5p %c{{1}} %m%n"/></File>
  </Appenders>
  <Loggers><Root level="INFO"><AppenderRef ref="file"/></Root></Loggers>
</Configuration>
"""


@dataclass(frozen=True, slots=True)
class Node:
    """A broker that is a controller too, in a folder of its own: `server.properties`, `server.log`, `pid`, `data`.

    `number` counts from 1. All ports are on 127.0.0.1; those with TLS are there in a cluster with `Security` alone.
    """

    number: int
    folder: Path
    port: int
    controller_port: int
    sasl_port: int | None = None
    tls_port: int | None = None

    @property
    def address(self) -> str:
        """Where clients reach it."""
        return f"127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        """What the broker has to say."""
        return self.folder / "server.log"

    @property
    def pid_file(self) -> Path:
        """The process id, while it runs."""
        return self.folder / "pid"

    def pid(self) -> int | None:
        """The process id, None when the broker does not run."""
        try:
            pid = int(self.pid_file.read_text(encoding="ascii"))
            process = psutil.Process(pid)
            # A number may have been given to another process since: ours has the broker's folder among its words.
            # While the system replaces the program by the runtime, there are no words at all.
            words = process.cmdline()
            ours = process.status() != psutil.STATUS_ZOMBIE and (not words or self._settings in words)
        except (OSError, ValueError, psutil.Error):
            return None
        return pid if ours else None

    def write_settings(self, nodes: list[Node], security: Security | None = None) -> None:
        """Write what the broker reads at its start. `nodes` are all of the cluster."""
        self.folder.mkdir(parents=True, exist_ok=True)
        replicas = min(3, len(nodes))
        voters = ",".join(f"{node.number}@127.0.0.1:{node.controller_port}" for node in nodes)
        settings = {
            "process.roles": "broker,controller",
            "node.id": self.number,
            "controller.quorum.voters": voters,
            "listeners": f"PLAINTEXT://{self.address},CONTROLLER://127.0.0.1:{self.controller_port}",
            "advertised.listeners": f"PLAINTEXT://{self.address}",
            "controller.listener.names": "CONTROLLER",
            "log.dirs": self.folder / "data",
            "auto.create.topics.enable": "false",
            "default.replication.factor": replicas,
            "min.insync.replicas": min(2, replicas),
            "offsets.topic.replication.factor": replicas,
            "offsets.topic.num.partitions": 4,
            "transaction.state.log.replication.factor": replicas,
            "transaction.state.log.min.isr": min(2, replicas),
            "transaction.state.log.num.partitions": 4,
            "share.coordinator.state.topic.replication.factor": replicas,
            "share.coordinator.state.topic.min.isr": min(2, replicas),
            "group.initial.rebalance.delay.ms": 0,
            # A dead broker is noticed in 3 s instead of 9, so that tests of it are short.
            "broker.session.timeout.ms": 3000,
            "broker.heartbeat.interval.ms": 500,
        }
        if security is not None and self.sasl_port is not None and self.tls_port is not None:
            settings |= security.settings(self.port, self.controller_port, self.sasl_port, self.tls_port)
        text = "".join(f"{key}={value}\n" for key, value in settings.items())
        (self.folder / "server.properties").write_text(text, encoding="utf-8")
        (self.folder / "log4j2.xml").write_text(_LOG4J.format(log=self.log), encoding="utf-8")

    def format(self, java: list[str], cluster_id: str, security: Security | None = None) -> None:
        """Prepare an empty data folder. Raises KafkaUnavailable."""
        command = [*self._command(java, "kafka.tools.StorageTool"), "format", "-t", cluster_id, "-c", self._settings]
        command += security.users_to_format() if security is not None else []
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  (our own words)
        if done.returncode:
            raise KafkaUnavailable(f"broker {self.number} could not be prepared: {done.stdout}{done.stderr}")

    def start(self, java: list[str]) -> None:
        """Start the process and return at once. Does nothing when it runs."""
        if self.pid() is not None:
            return
        words = [*self._command(java, "kafka.Kafka"), self._settings]
        appending = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        pid = os.posix_spawn(
            words[0],
            words,
            os.environ,
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_OPEN, 1, self.folder / "output", appending, 0o644),
                (os.POSIX_SPAWN_DUP2, 1, 2),
            ],
            # Ctrl-C is for the program that started the broker, which then stops it in order.
            setpgroup=0,
        )
        self.pid_file.write_text(f"{pid}\n", encoding="ascii")

    def stop(self) -> None:
        """Ask it to stop and wait until it is gone; after 5 s, end it."""
        self.terminate()
        self.wait_until_gone()

    def terminate(self) -> None:
        """Ask it to stop, and do not wait."""
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGTERM)

    def kill(self) -> None:
        """Kill -9, and wait until it is gone."""
        self.signal(signal.SIGKILL)
        self.wait_until_gone()

    def pause(self) -> None:
        """SIGSTOP: it holds its connections and answers nothing."""
        self.signal(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT."""
        self.signal(signal.SIGCONT)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal; nothing happens when it does not run."""
        pid = self.pid()
        if pid is not None:
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def wait_until_gone(self) -> None:
        """Wait for the end of a process that was told to end; after 5 s, kill -9."""
        deadline = time.monotonic() + _STOP_TIMEOUT
        while (pid := self.pid()) is not None and not _reaped(pid):
            if time.monotonic() > deadline:
                os.kill(pid, signal.SIGKILL)
                deadline += _STOP_TIMEOUT
            time.sleep(0.02)
        self.pid_file.unlink(missing_ok=True)

    @property
    def _settings(self) -> str:
        return str(self.folder / "server.properties")

    def _command(self, java: list[str], main: str) -> list[str]:
        return [*java, f"-Dlog4j2.configurationFile={self.folder / 'log4j2.xml'}", main]


def _reaped(pid: int) -> bool:
    """Whether the process was our own child and has ended."""
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    except ChildProcessError:
        return False
