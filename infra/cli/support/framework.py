"""What all subcommands share: the options that stand anywhere, help in two languages, errors and exit codes."""

# ruff: noqa: PLC0415  # the demonstration is large, and is imported only when it is asked for

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from copy import copy
from functools import cache
from typing import Annotated, Any, Literal

import typer
from typer.core import TyperCommand, TyperGroup
from typer.exceptions import TyperException

from domain.authorization import Role
from domain.errors import DossierError
from infra.cli.support.i18n import chosen_language, say, translated
from infra.cli.support.parsing import DOC, DOC_HELP
from infra.cli.support.reporting import exit_code, note, report
from infra.cli.support.session import Session, session_of
from infra.cli.support.usage import no_such_command, refuse_other_dashes, too_many_arguments, usage_error
from infra.terminal.streams import own_texts

EVERYWHERE = say("Options of every command")
WHO_AND_WHEN = say("Who gives the command, and for which day")
_EXAMPLES = say("Examples:")
_ARGUMENTS = say("Arguments")
_OPTIONS = say("Options")
say("Show this message and exit.")
say("Install completion for the current shell.")
say("Show completion for the current shell, to copy it or customize the installation.")
_DEMO = "demo"
_LINE = 66

Handler = Callable[..., None]


def _remember(ctx: typer.Context, param: typer.CallbackParam, value: Any) -> None:
    """Keep an option of every command, or of every command that somebody gives; the last one said counts."""
    session = session_of(ctx)
    if value is None or value is False or param.name is None:
        return
    setattr(session.given if hasattr(session.given, param.name) else session, param.name, value)


def _remember_acting(ctx: typer.Context, value: str | None) -> None:
    """Keep `--as ROLE:AGENCY`, of which either may be left out."""
    if value is not None:
        given = session_of(ctx).given
        role, _, agency = value.partition(":")
        given.role, given.agency = role or given.role, agency or given.agency


def _everywhere(
    log: Annotated[
        str | None,
        typer.Option(
            "--log",
            metavar="URL",
            callback=_remember,
            expose_value=False,
            rich_help_panel=EVERYWHERE,
            help=say("The log, for example sqlite:////var/lib/dossier/dossier.sqlite (else DOSSIER_LOG)."),
        ),
    ] = None,
    views: Annotated[
        str | None,
        typer.Option(
            "--views",
            metavar="URL",
            callback=_remember,
            expose_value=False,
            rich_help_panel=EVERYWHERE,
            help=say("The read models (else DOSSIER_VIEWS, else a file beside the log)."),
        ),
    ] = None,
    lang: Annotated[
        Literal["en", "vi"] | None,
        typer.Option(
            "--lang",
            callback=_remember,
            expose_value=False,
            rich_help_panel=EVERYWHERE,
            help=say("The language of messages and help (else DOSSIER_LANG)."),
        ),
    ] = None,
    json: Annotated[
        bool,
        typer.Option(
            "--json",
            callback=_remember,
            expose_value=False,
            rich_help_panel=EVERYWHERE,
            help=say("Answer in JSON, for programs."),
        ),
    ] = False,
) -> None:
    """The options of every command."""


def _who_and_when(
    *,
    person: Annotated[
        str,
        typer.Option(
            "--person",
            metavar="NAME",
            envvar="DOSSIER_PERSON",
            show_envvar=True,
            callback=_remember,
            expose_value=False,
            rich_help_panel=WHO_AND_WHEN,
            help=say("The name of the person who acts."),
        ),
    ],
    on: Annotated[
        str | None,
        typer.Option(
            "--on",
            metavar="YYYY-MM-DD",
            callback=_remember,
            expose_value=False,
            rich_help_panel=WHO_AND_WHEN,
            help=say("The day of the fact, from its document; else the date of the decision, else today in Vietnam."),
        ),
    ] = None,
    role: Annotated[
        Role | None,
        typer.Option(
            "--role",
            metavar="ROLE",
            callback=_remember,
            expose_value=False,
            rich_help_panel=WHO_AND_WHEN,
            help=say("The role in which the person acts; else the one that gives this command."),
        ),
    ] = None,
    agency: Annotated[
        str | None,
        typer.Option(
            "--agency",
            metavar="ID",
            callback=_remember,
            expose_value=False,
            rich_help_panel=WHO_AND_WHEN,
            help=say("The agency or unit for which the person acts; else the one that has the role for this dossier."),
        ),
    ] = None,
    acting: Annotated[
        str | None,
        typer.Option(
            "--as",
            metavar="ROLE:AGENCY",
            callback=_remember_acting,
            expose_value=False,
            rich_help_panel=WHO_AND_WHEN,
            help=say("Role and agency in one, for example applicant:04630."),
        ),
    ] = None,
    command_id: Annotated[
        str | None,
        typer.Option(
            "--command-id",
            metavar="UUID",
            callback=_remember,
            expose_value=False,
            rich_help_panel=WHO_AND_WHEN,
            help=say("The command's own id; else a new one. The same id again gets the first answer and acts once."),
        ),
    ] = None,
) -> None:
    """The options of every command that somebody gives."""


def _options(declared: Callable[..., None]) -> list[Any]:
    """The options that a function declares; each command has its own, since they are translated in place."""
    return [copy(param) for param in _declared(declared)]


@cache
def _declared(declared: Callable[..., None]) -> list[Any]:
    """The options that a function declares, as Typer makes them."""
    app = typer.Typer(add_completion=False)
    app.command()(declared)
    return list(typer.main.get_command(app).params)


class DossierCommand(TyperCommand):
    """A subcommand with the options of every command."""

    allow_extra_args = True
    """So that those who are too many are told by us."""

    def __init__(
        self,
        name: str | None,
        *,
        params: list[Any] | None = None,
        help: str | None = None,  # noqa: A002  # Typer's word
        **rest: Any,
    ) -> None:
        if any(DOC in (param.metavar or "") for param in params or ()):
            help = f"{help}\n\n{DOC_HELP}"  # noqa: A001  # Typer's word
        super().__init__(name, params=[*(params or []), *_options(_everywhere)], help=help, **rest)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Before anything is asked of it: --help and errors know a language, and --json, that come after."""
        _note_how_to_say(session_of(ctx), args)
        left = super().parse_args(ctx, args)
        if left and not ctx.resilient_parsing:
            raise too_many_arguments()
        for param in self.params:
            if param.param_type_name == "argument":
                refuse_other_dashes(ctx.params.get(param.name))
        return left

    def format_help(self, ctx: Any, formatter: Any) -> None:
        _translate(self, ctx)
        with own_texts():
            super().format_help(ctx, formatter)


class ProcedureCommand(DossierCommand):
    """A subcommand by which somebody gives a command of the procedure."""

    def __init__(self, name: str | None, *, params: list[Any] | None = None, **rest: Any) -> None:
        super().__init__(name, params=[*(params or []), *_options(_who_and_when)], **rest)


class DossierGroup(TyperGroup):
    """The program: every DossierError becomes a message and an exit code; any other exception is a fault and shows."""

    def __init__(self, *, params: list[Any] | None = None, **rest: Any) -> None:
        super().__init__(params=[*(params or []), *_options(_everywhere)], **rest)

    def main(self, args: Sequence[str] | None = None, *arguments: Any, **options: Any) -> Any:
        """Run the program, and end the process. Typer would repeat what was typed where it cannot be parsed."""
        typed = sys.argv[1:] if args is None else list(args)
        try:
            code = super().main(typed, *arguments, **{**options, "standalone_mode": False})
        except TyperException as error:
            _report_usage(error, typed)
            code = error.exit_code
        except typer.Abort:
            code = 1
        sys.exit(code if isinstance(code, int) else 0)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Before the subcommand is known: a language and --json may also stand after it."""
        _note_how_to_say(session_of(ctx), args)
        return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        """Run the subcommand."""
        try:
            return super().invoke(ctx)
        except DossierError as error:
            report(error, session_of(ctx))
            raise typer.Exit(exit_code(error)) from None

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The subcommand that is meant; of the demonstration only the name stands in the list until then."""
        if not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
            raise no_such_command(args[0], self.commands)
        name, found, rest = super().resolve_command(ctx, args)
        return name, _demonstration() if name == _DEMO else found, rest

    def format_help(self, ctx: Any, formatter: Any) -> None:
        _translate(self, ctx)
        for subcommand in self.commands.values():
            _translate(subcommand, ctx)
        with own_texts():
            super().format_help(ctx, formatter)


def subcommand(
    app: typer.Typer,
    name: str,
    *,
    panel: str,
    help: str,  # noqa: A002  # Typer's word
    examples: Sequence[str],
    given: bool = False,
) -> Callable[[Handler], Handler]:
    """Register a function as a subcommand. `given`: somebody gives a command of the procedure by it."""
    return app.command(
        name,
        cls=ProcedureCommand if given else DossierCommand,
        help=help,
        epilog=examples_text(examples),
        rich_help_panel=panel,
    )


def examples_text(examples: Sequence[str]) -> str:
    """Examples that can be copied: a long one goes on at an option in a new line, as a shell allows."""
    return "\n".join([_EXAMPLES, *(f"  {_broken(example)}" for example in examples)])


def _broken(example: str) -> str:
    lines = [""]
    for number, piece in enumerate(example.split(" --")):
        words = f"--{piece}" if number else piece
        if number and len(lines[-1]) + len(words) > _LINE:
            lines.append("")
        lines[-1] += f" {words}" if lines[-1] else words
    return " \\\n      ".join(lines)


def register_demonstration(app: typer.Typer, panel: str) -> None:
    """List `demo`, which is imported only when it is asked for."""

    def demo() -> None:
        """Stands in the list."""

    _as_demonstration(app, panel)(demo)


def _demonstration() -> Any:
    from infra.demo.run import demo_command

    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    _as_demonstration(app, "")(demo_command)
    return typer.main.get_command(app)


def _as_demonstration(app: typer.Typer, panel: str) -> Callable[[Handler], Handler]:
    text = say("Simulate a year of the whole province and leave the log to explore. All figures are simulated.")
    examples = ("dossier demo", "dossier demo --log sqlite:///demo.sqlite --lang vi")
    return subcommand(app, _DEMO, panel=panel, help=text, examples=examples)


def _report_usage(error: TyperException, typed: Sequence[str]) -> None:
    ctx: Any = getattr(error, "ctx", None)
    session = Session() if ctx is None else session_of(ctx)
    _note_how_to_say(session, typed)
    found = usage_error(error)
    if found is not None:
        report(found, session)
    if found is not None and ctx is not None:
        note(" ".join(ctx.get_usage().split()))


def _note_how_to_say(session: Session, args: Sequence[str]) -> None:
    session.lang = chosen_language(args, os.environ if session.lang is None else {}) or session.lang
    # What is wrong with an option is found before those behind it are looked at.
    session.json = session.json or "--json" in args


def _translate(command: Any, ctx: Any) -> None:
    """Put a command's texts into the language of the run. Each run makes its commands anew."""
    language = session_of(ctx).language
    command.help = translated(command.help, language)
    command.rich_help_panel = translated(command.rich_help_panel, language)
    if command.epilog:
        heading, _, lines = command.epilog.partition("\n")
        command.epilog = f"{translated(heading, language)}\n{lines}"
    for param in command.get_params(ctx):
        own = _ARGUMENTS if param.param_type_name == "argument" else _OPTIONS
        param.help = translated(param.help, language)
        param.rich_help_panel = translated(param.rich_help_panel or own, language)
