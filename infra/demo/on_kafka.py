"""`make demo LOG=kafka`: the demonstration through the queue of a real Kafka, with two workers and a projector.

The broker is that of `make kafka-up`, and stays, so that the log can be explored afterwards; each demonstration has
topics of its own.
"""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from domain.i18n import Language, text
from infra.cli.main import app
from infra.cli.support.i18n import chosen_language
from infra.cli.support.reporting import note
from infra.demo.errors import DemoRunning
from infra.demo.output_files import place_of
from infra.dev.kafka import prepare
from infra.dev.kafka_jars import KafkaUnavailable
from infra.dev.processes import processes
from infra.processes import begin_process

_BROKER: Final = Path("build/kafka")
_FOLDER: Final = Path("build/demo")
_PARTITIONS: Final = 4
_WORKERS: Final = 2


def main() -> None:
    """Start what is needed, and give the demonstration the log's URL."""
    begin_process()
    language = chosen_language(sys.argv[1:], os.environ) or "en"
    try:
        with place_of(_FOLDER / "kafka"):
            _demonstrate(language)
    except DemoRunning as error:
        raise SystemExit(f"{error.message(language)}; {error.hint(language)}") from error


def _demonstrate(language: Language) -> None:
    note(text("starting Kafka…", language))
    try:
        cluster = prepare(_BROKER)
        cluster.start()
    except KafkaUnavailable as error:
        raise SystemExit(f"kafka: {error}") from error
    prefix = f"demo-{datetime.now(UTC):%Y%m%d-%H%M%S}"
    index = (_FOLDER / prefix).resolve()
    url = f"kafka://{cluster.bootstrap}?prefix={prefix}&partitions={_PARTITIONS}&index={index}"
    # What it says how to go on with can be copied as it is.
    sys.argv[0] = str(Path(sys.executable).with_name("dossier"))
    try:
        with processes(url, index, workers=_WORKERS):
            app(["demo", "--log", url, *sys.argv[1:]], prog_name="dossier")
    finally:
        note("")
        note(
            text(
                "Kafka still runs: `make kafka-down` stops it. Commands of your own need a `dossier worker`.",
                language,
            )
        )


if __name__ == "__main__":
    main()
