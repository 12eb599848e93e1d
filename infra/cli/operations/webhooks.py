"""`dossier decisions webhooks`: who gets the decisions by HTTP, and how that goes."""

# ruff: noqa: PLC0415  # webhooks are needed only once they are asked for

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from domain.i18n import pair
from infra.cli.support.arguments import OPERATION, LogLevelOption
from infra.cli.support.errors import BadOption
from infra.cli.support.framework import DossierGroup, examples_text, subcommand
from infra.cli.support.i18n import say
from infra.cli.support.input_files import secret_of
from infra.cli.support.reporting import note, print_json
from infra.cli.support.session import Session, session_of
from infra.errors import SecretOnCommandLine
from infra.terminal.output import write_line

if TYPE_CHECKING:
    from consumers.feed import FeedEntry
    from infra.bootstrap import Application
    from infra.delivery.webhooks.store import WebhookStore

app = typer.Typer(
    cls=DossierGroup,
    no_args_is_help=True,
    epilog=examples_text(("dossier decisions webhooks add --help", "dossier decisions webhooks list")),
    context_settings={"help_option_names": ["--help", "-h"]},
    help=say("Webhooks: decisions by HTTP, signed, in order per unit, at least once each."),
)

Name = Annotated[str, typer.Argument(metavar="NAME", help=say("The webhook's name."))]


@contextmanager
def _store(session: Session) -> Iterator[WebhookStore]:
    from infra.delivery.settings import webhook_settings
    from infra.delivery.webhooks.store import WebhookStore

    with WebhookStore(webhook_settings(session.settings().log).path) as store:
        yield store


def add(
    ctx: typer.Context,
    name: Name,
    url: Annotated[str, typer.Argument(metavar="URL", help=say("Where to send."))],
    *,
    kinds: Annotated[
        list[str] | None,
        typer.Option("--kind", help=say("Only this kind; may repeat.")),
    ] = None,
    units: Annotated[
        list[str] | None,
        typer.Option("--unit", help=say("Only this unit; may repeat.")),
    ] = None,
    beginning: Annotated[
        str,
        typer.Option(
            "--from",
            metavar="PLACE",
            help=say("Where to begin, as `tail --from`."),
        ),
    ] = "now",
    secret_file: Annotated[
        str | None,
        typer.Option(
            "--secret-file",
            metavar="FILE",
            help=say("A file with the secret (whsec_…), - for standard input; else a new one is made."),
        ),
    ] = None,
    secret: Annotated[str | None, typer.Option("--secret", hidden=True)] = None,
) -> None:
    """Add a subscription. Its secret is shown once."""
    from consumers.webhook_dispatcher import Subscription
    from infra.delivery.settings import webhook_settings
    from infra.delivery.webhooks.signing import check_secret, new_secret
    from infra.delivery.webhooks.ssrf_guard import addresses, check_port, receiver
    from projections.public_decisions.tables import KINDS

    session = session_of(ctx)
    unknown = sorted(set(kinds or ()) - set(KINDS))
    if unknown:
        choices = ", ".join(KINDS)
        raise BadOption(reason=pair("--kind is one of {choices}", choices=choices))
    if secret is not None:
        raise SecretOnCommandLine(option="--secret", instead="--secret-file")
    chosen = new_secret() if secret_file is None else secret_of(session, secret_file)
    check_secret(chosen)
    with session.application() as application, _store(session) as store:
        for unit in units or ():
            application.settings.units.get(unit)
        to = receiver(url)
        settings = webhook_settings(application.settings.log)
        check_port(to, settings.ports)
        try:
            addresses(to, settings.allow)
        except OSError as error:
            # It may come to be: it is judged again at every try.
            note(session.text("{host} has no address now: {error}", host=to.host, error=error))
        made = Subscription(name, url, (chosen,), frozenset(kinds or ()), frozenset(units or ()))
        store.add(made, application.decisions.cursor_at(beginning))
    if session.json:
        print_json({"name": name, "url": url, "secret": chosen})
    else:
        write_line(session.text("{name}: secret {chosen}", name=name, chosen=chosen))


def subscriptions(ctx: typer.Context) -> None:
    """Show every subscription."""
    session = session_of(ctx)
    with _store(session) as store:
        found = store.standing()
    text = session.text
    _table(
        session,
        found,
        (
            (text("Name"), "name"),
            (text("URL"), "url"),
            (text("State"), "state"),
            (text("Waiting"), "waiting"),
            (text("Parked"), "parked"),
            (text("Why"), "why"),
        ),
    )


def run(ctx: typer.Context, log_level: LogLevelOption = "info") -> None:
    """Deliver until stopped."""
    from infra.delivery.settings import webhook_settings
    from infra.diagnosis.halts import HaltFile
    from infra.logging import log_as_json
    from infra.processes import until_stopped

    session = session_of(ctx)
    log_as_json(log_level)
    with session.application() as application, _store(session) as store, store.exclusive(), until_stopped() as stop:
        halt = HaltFile(application.settings.state_dir, "webhooks")
        with halt.keeping():
            application.webhook_dispatcher(webhook_settings(application.settings.log), store).run(stop, halt.went_on)


def deliveries(
    ctx: typer.Context,
    name: Name,
    limit: Annotated[int, typer.Option(help=say("How many tries."))] = 50,
) -> None:
    """Show the delivery log."""
    session = session_of(ctx)
    with _store(session) as store:
        found = store.deliveries(name, limit)
    for row in found:
        row["at"] = datetime.fromtimestamp(row["at"], UTC).isoformat(timespec="seconds")
    text = session.text
    _table(
        session,
        found,
        (
            (text("At"), "at"),
            (text("Unit"), "unit_id"),
            ("#", "sequence"),
            (text("Try"), "attempt"),
            (text("Outcome"), "outcome"),
            (text("Detail"), "detail"),
            (text("Decision"), "decision_id"),
        ),
    )


def parked(ctx: typer.Context, name: Name) -> None:
    """Show the deliveries that were given up."""
    session = session_of(ctx)
    with _store(session) as store:
        store.get(name)
        found = store.parked(name)
    text = session.text
    _table(
        session,
        found,
        (
            (text("Unit"), "unit_id"),
            ("#", "sequence"),
            (text("Tries"), "attempts"),
            (text("Behind it"), "behind"),
            (text("Decision"), "decision_id"),
        ),
    )


def resume(
    ctx: typer.Context,
    name: Name,
    unit: Annotated[str | None, typer.Option("--unit", help=say("Only this unit's."))] = None,
) -> None:
    """Let a subscription go on."""
    session = session_of(ctx)
    with _store(session) as store:
        resumed = store.resume(name, unit)
    _answer(
        session,
        name,
        "resumed",
        session.text("{name} goes on; {count} parked are tried anew", name=name, count=resumed),
    )


def pause(ctx: typer.Context, name: Name) -> None:
    """Stop a subscription; its decisions wait."""
    from consumers.webhook_dispatcher import SubscriptionState

    session = session_of(ctx)
    with _store(session) as store:
        store.get(name)
        store.set_state(name, SubscriptionState.PAUSED, "")
    _answer(session, name, "paused", session.text("{name} is paused; its decisions wait", name=name))


def rotate(ctx: typer.Context, name: Name) -> None:
    """Make a new secret; the one before stays valid beside it."""
    from infra.delivery.webhooks.signing import new_secret

    session = session_of(ctx)
    with _store(session) as store:
        fresh = new_secret()
        store.set_secrets(name, (fresh, store.get(name).secrets[0]))
    if session.json:
        print_json({"name": name, "secret": fresh})
    else:
        write_line(session.text("{name}: new secret {fresh}", name=name, fresh=fresh))


def remove(ctx: typer.Context, name: Name) -> None:
    """Forget a subscription; its delivery log stays."""
    session = session_of(ctx)
    with _store(session) as store:
        store.remove(name)
    _answer(session, name, "removed", session.text("{name} is removed", name=name))


def enqueue_replay(application: Application, name: str, found: Sequence[FeedEntry], replay: str) -> None:
    """Queue decisions for one subscription again, in a stream of their own. Raises UnknownSubscription."""
    from infra.delivery.settings import webhook_settings
    from infra.delivery.webhooks.store import WebhookStore

    settings = webhook_settings(application.settings.log)
    with WebhookStore(settings.path) as store:
        store.get(name)
        dispatcher = application.webhook_dispatcher(settings, store)
        store.enqueue(name, {}, [dispatcher.delivery_of(each, replay) for each in found])


def _answer(session: Session, name: str, outcome: str, line: str) -> None:
    if session.json:
        print_json({"name": name, "outcome": outcome})
    else:
        write_line(line)


def _table(session: Session, rows: list[dict[str, Any]], columns: tuple[tuple[str, str], ...]) -> None:
    if session.json:
        print_json(rows)
        return
    from infra.cli.support.tables import print_table

    print_table(tuple(heading for heading, _ in columns), (tuple(row[key] for _, key in columns) for row in rows))


def _register() -> None:
    commands: tuple[tuple[str, Any, str, tuple[str, ...]], ...] = (
        (
            "add",
            add,
            say("Subscribe a receiver; its secret is shown once."),
            ("dossier decisions webhooks add portal https://portal.example.vn/decisions --from beginning",),
        ),
        ("list", subscriptions, say("Show every webhook."), ("dossier decisions webhooks list",)),
        (
            "run",
            run,
            say("Deliver to all of them until stopped."),
            ("dossier decisions webhooks run",),
        ),
        (
            "log",
            deliveries,
            say("Show the last tries of a webhook."),
            ("dossier decisions webhooks log portal --limit 20",),
        ),
        (
            "parked",
            parked,
            say("Show what was given up after the last try."),
            ("dossier decisions webhooks parked portal",),
        ),
        (
            "resume",
            resume,
            say("Go on, and try anew what was parked."),
            ("dossier decisions webhooks resume portal --unit 04630",),
        ),
        (
            "pause",
            pause,
            say("Send nothing for now; decisions wait."),
            ("dossier decisions webhooks pause portal",),
        ),
        (
            "rotate",
            rotate,
            say("Make a new secret; the old one stays valid."),
            ("dossier decisions webhooks rotate portal",),
        ),
        (
            "remove",
            remove,
            say("Remove a webhook; its delivery log stays."),
            ("dossier decisions webhooks remove portal",),
        ),
    )
    for name, handler, text, examples in commands:
        subcommand(app, name, panel=OPERATION, help=text, examples=examples)(handler)


_register()
