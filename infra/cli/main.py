"""The program `dossier`: every group of subcommands, put together."""

from __future__ import annotations

from typing import Annotated

import typer

from infra.cli.operations import apply, backup, clock, dead_letters, doctor, explain, keys, log, parked, rebuild, views
from infra.cli.operations import processes as running
from infra.cli.procedure import applicant, chairman, corrections, district, members, standing_agency, template
from infra.cli.queries import audit, catalogue, commands, decisions, eligibility, procedure, replay, status
from infra.cli.support.arguments import OPERATION
from infra.cli.support.framework import DossierGroup, examples_text, register_demonstration
from infra.cli.support.i18n import say
from infra.processes import begin_process
from infra.terminal.output import write_line

_GROUPS = (
    status,
    audit,
    replay,
    eligibility,
    catalogue,
    procedure,
    template,
    applicant,
    district,
    standing_agency,
    members,
    chairman,
    corrections,
    apply,
    commands,
    rebuild,
    views,
    parked,
    decisions,
    running,
    dead_letters,
    doctor,
    explain,
    log,
    backup,
    keys,
    clock,
)

_HELP = say(
    "How a unit of the province applies, is appraised and is recognised as digitally transformed "
    "(02/HD-UBND).\n\nEvery step is kept as a fact that is never rewritten. Exit codes: 0 fine, 2 "
    "wrong use, 3 refused by a rule, 4 the log or a read model cannot be used."
)
_FIRST_STEPS = (
    "dossier demo",
    "dossier status --lang vi",
    "dossier open --help",
    "dossier replay 04630-CB-2024-1 --true-on 2024-07-15",
)


def build() -> typer.Typer:
    """The program, nothing opened."""
    program = typer.Typer(
        cls=DossierGroup,
        callback=_program,
        help=_HELP,
        epilog=examples_text(_FIRST_STEPS),
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["--help", "-h"]},
    )
    register_demonstration(program, OPERATION)
    for group in _GROUPS:
        group.register(program)
    return program


def _print_version(asked: bool) -> None:  # Typer hands over the option's value so
    if asked:
        from importlib.metadata import version  # noqa: PLC0415  # it takes time to import

        write_line(f"dossier {version('dossier')}")
        raise typer.Exit


def _program(
    *,
    version: Annotated[  # the callback answers it
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help=say("Print the version and exit.")),
    ] = False,
) -> None:
    """The options of the program alone."""


app = build()


def main() -> None:
    """Run the program."""
    begin_process()
    app(prog_name="dossier")


if __name__ == "__main__":
    main()
