"""A secret is named by a file or a setting: never among the arguments, and in nothing that is printed."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.exceptions import TyperException
from typer.main import get_command

from consumers.webhook_dispatcher import Subscription
from infra.cli.main import app
from infra.cli.support.usage import usage_error
from infra.delivery.settings import StreamSettings, stream_settings
from infra.delivery.webhooks.signing import new_secret
from infra.errors import BadSetting, SecretOnCommandLine, holds_secret, without_secrets
from infra.kafka.settings import KafkaSettings
from infra.settings import load
from tests.support.terminal import Terminal

HIDDEN = "Geheim%2F7"
RECEIVER = "https://portal.invalid/"
ADD = ("decisions", "webhooks", "add", "portal", RECEIVER)
SCRAM = "security_protocol=SASL_SSL&sasl_mechanism=SCRAM-SHA-512&sasl_plain_username=dossier"
URLS = (
    f"kafka://broker:9093?{SCRAM}&sasl_plain_password={HIDDEN}",
    f"kafka://broker:9093?security_protocol=SSL&ssl_password={HIDDEN}",
    f"postgresql://dossier:{HIDDEN}@host/db",
    f"postgres://dossier:p%40ss{HIDDEN}@host/db",
    f"postgresql://host/db?user=dossier&password={HIDDEN}",
    f"postgresql://host/db?sslpassword={HIDDEN}",
)
PLAIN = (
    "sqlite:////var/lib/dossier.sqlite",
    "kafka://a:9092,b:9092?prefix=dossier&partitions=4",
    f"kafka://broker:9093?{SCRAM}&sasl_plain_password_file=/run/secrets/dossier",
    f"kafka://broker:9093?{SCRAM.replace('dossier', 'dossier@example.vn')}",
    "postgresql://dossier@host:5432/db?sslmode=require",
    "postgresql://postgres:@/db?host=/run/postgresql",
)


@pytest.fixture
def stocked(terminal: Terminal) -> Terminal:
    """A terminal whose log there is."""
    terminal.run("open", "04630", "--level=basic", "--year=2024", "--on=2024-06-12")
    return terminal


@pytest.mark.parametrize("how", [("--secret", "{}"), ("--secret={}",)])
def test_the_secret_of_a_webhook_is_no_argument(stocked: Terminal, how: tuple[str, ...]) -> None:
    """Refused and not warned of: it is known by then, and whoever would go on with it had a signature of no worth."""
    secret = new_secret()
    said = stocked.run(*ADD, *(each.format(secret) for each in how), "--json", code=2)
    assert said.json["error"]["code"] == "SECRET_ON_COMMAND_LINE"
    assert "--secret-file" in said.err
    assert secret not in said.out + said.err
    assert stocked.json("decisions", "webhooks", "list") == []


def test_the_secret_of_a_webhook_comes_from_a_file(stocked: Terminal) -> None:
    """Or from standard input; who can read the file is looked at."""
    secret = new_secret()
    path = Path(stocked.file("secret", f"{secret}\n"))
    path.chmod(0o600)
    said = stocked.run(*ADD, "--secret-file", str(path), "--json")
    assert said.json["secret"] == secret
    assert "chmod" not in said.err
    stocked.run("decisions", "webhooks", "remove", "portal")
    path.chmod(0o644)
    assert "chmod 600" in stocked.run(*ADD, "--secret-file", str(path)).err
    stocked.run("decisions", "webhooks", "remove", "portal")
    assert stocked.run(*ADD, "--secret-file", "-", "--json", given=f"{secret}\n").json["secret"] == secret
    for bad, code in (("whsec_short", "BAD_SECRET"), (b"whsec_\xff\xfe", "WRONG_FILE_TYPE"), ("", "EMPTY_FILE")):
        said = stocked.run(*ADD[:-2], "other", RECEIVER, "--secret-file", stocked.file("bad", bad), code=2)
        assert code in said.err
        assert "short" not in said.err
    assert "FILE_UNREADABLE" in stocked.run(*ADD, "--secret-file", "not-there", code=2).err


@pytest.mark.parametrize("url", URLS)
def test_a_url_with_a_password_is_no_argument(terminal: Terminal, url: str) -> None:
    """It is named in a setting, which only this user can read."""
    assert holds_secret(url)
    for option, setting in (("--log", "DOSSIER_LOG"), ("--views", "DOSSIER_VIEWS")):
        said = terminal.run("status", option, url, code=2)
        assert f"error SECRET_ON_COMMAND_LINE: {option} holds" in said.err
        assert setting in said.err
        assert "Geheim" not in said.out + said.err
    with pytest.raises(SecretOnCommandLine, match="--stream"):
        stream_settings(url, {})
    with pytest.raises(SecretOnCommandLine, match="--log"):
        stream_settings(None, {}, log=url)
    if url.startswith("postgres"):
        assert load({"DOSSIER_VIEWS": url}).views == url


@pytest.mark.parametrize("url", PLAIN)
def test_a_url_without_a_password_may_be_an_argument(url: str) -> None:
    assert not holds_secret(url)


@pytest.mark.parametrize(
    "url",
    [
        *URLS,
        f"kafka://h:1?sasl_plain_pasword={HIDDEN}",
        f"kafka://h:1?paswort={HIDDEN}&prefix=dossier",
        f"sqlite://dossier:{HIDDEN}@h",
        f"host=h password='{HIDDEN} more' user=u",
        f"postgresql://u:{HIDDEN}/@/more@h/db",
    ],
)
def test_no_secret_is_shown_under_whatever_name(url: str) -> None:
    shown = without_secrets(url)
    assert "Geheim" not in shown
    assert "more" not in shown
    with pytest.raises(BadSetting) as raised:
        raise BadSetting(setting="DOSSIER_LOG", value=url, reason_en="-", reason_vi="-")
    assert "Geheim" not in repr(raised.value) + str(raised.value.details)


def test_what_may_be_shown_is() -> None:
    for url in PLAIN[:3]:
        assert without_secrets(url) == url


def test_what_holds_secrets_does_not_show_them() -> None:
    """As a traceback, a debugger or a log would."""
    secret = new_secret()
    kafka = KafkaSettings("h:1", connection={"sasl_plain_password": HIDDEN})
    for each in (
        Subscription("one", RECEIVER, (secret,)),
        kafka,
        StreamSettings(kafka, f"https://u:{HIDDEN}@registry"),
        load({"DOSSIER_VIEWS": f"postgresql://u:{HIDDEN}@h/db"}),
    ):
        assert "Geheim" not in repr(each)
        assert secret not in repr(each)


def commands(group: Any, names: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every subcommand, by its names."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*names, name))
        else:
            yield (*names, name), command


PROGRAM: Any = get_command(app)


def refused(command: Any, words: list[str]) -> str:
    """What is said of arguments that cannot be parsed; empty where they can."""
    ctx = typer.Context(PROGRAM)
    try:
        command.make_context("command", words, parent=ctx)
    except TyperException as error:
        return str(usage_error(error))
    except Exception as error:  # noqa: BLE001  # whatever is said
        return str(error)
    return ""


def test_no_option_repeats_a_secret_in_its_place() -> None:
    """Not where it is misspelt, nor where another value belongs, in whichever command."""
    looked_at = 0
    for _, command in commands(PROGRAM):
        options = [name for param in command.params for name in param.opts if name.startswith("--")]
        tries = [[f"{name}x={HIDDEN}"] for name in options] + [[f"-{name}", HIDDEN] for name in options]
        tries += [[f"{name}={HIDDEN}"] for name in options] + [[name, HIDDEN] for name in options]
        tries += [[HIDDEN] * 9, [f"--{HIDDEN}"], [f"-{HIDDEN}"], [f"--secrt={HIDDEN}"], ["--secrt", HIDDEN]]
        for words in tries:
            said = refused(command, words)
            assert "Geheim" not in said, shlex.join(words)
            looked_at += bool(said)
    assert looked_at > 500


@pytest.mark.parametrize(
    "arguments",
    [
        ("status", f"--secrt={HIDDEN}"),
        ("status", "--secrt", HIDDEN),
        ("status", f"—secret={HIDDEN}"),
        ("status", "a", HIDDEN),
        (f"--secrt={HIDDEN}", "status"),
        (HIDDEN,),
        ("--json", HIDDEN),
        ("--lang", HIDDEN, "status"),
        ("decisions", HIDDEN),
        ("decisions", "webhooks", f"--secrt={HIDDEN}", "list"),
        (*ADD, f"--secrets={HIDDEN}"),
        (*ADD, f"--secret-fil={HIDDEN}"),
        (*ADD, HIDDEN),
        ("decisions", "webhooks", "add", "portal", f"https://u:{HIDDEN}@portal.invalid/"),
        ("decisions", "webhooks", "add", "portal", f"https://u:{HIDDEN.replace('%2F', '/')}@portal.invalid/"),
    ],
)
def test_a_command_line_that_is_wrong_is_not_repeated(stocked: Terminal, arguments: tuple[str, ...]) -> None:
    said = stocked.run(*arguments, code=2)
    assert "error BAD_" in said.err
    assert "Geheim" not in said.out + said.err


def test_what_is_wrong_is_said_in_both_languages_and_in_json(terminal: Terminal) -> None:
    said = terminal.run("status", "--sttate=received", code=2)
    assert "error BAD_OPTION: --sttate is not known; perhaps --state" in said.err
    assert "Usage: " in said.err
    assert "không có --sttate; có thể là --state" in terminal.run("--lang=vi", "status", "--sttate=x", code=2).err
    assert "staus is not known; perhaps status" in terminal.run("staus", code=2).err
    assert "more arguments" in terminal.run("status", "a", "b", code=2).err
    assert "one of" in terminal.run("status", "--kind", "city", code=2).err
    assert "is missing" in terminal.run("open", "04630", code=2).err
    assert "one of show, verify" in terminal.run("views", code=2).err
    answered = json.loads(terminal.run("--json", "staus", code=2).out)
    assert (answered["ok"], answered["error"]["code"]) == (False, "BAD_OPTION")
