"""A connection string of PostgreSQL that cannot be used is told without its password."""

from __future__ import annotations

import traceback

import pytest

from infra.errors import BadSetting
from infra.settings import load
from infra.views.errors import ViewsDatabaseUnavailable
from infra.views.postgres import PostgresViews

REFUSED = [
    "postgresql://dossier:Geheim%zz@127.0.0.1/db",
    "postgresql://dossier:Geheim%00@127.0.0.1/db",
    "postgresql://dossier:Geheim/7@127.0.0.1/db",
    "postgresql://dossier:p@ssGeheim@127.0.0.1:1/db",
    "postgresql://dossier:Geheim]@[::1/db",
    "postgresql://dossier:Geheim#?7@127.0.0.1/db",
    "postgresql://127.0.0.1:1/db?password=a&Geheim",
    "postgresql://127.0.0.1:1/db?password=a=Geheim",
    "postgresql://127.0.0.1:1/db?password=a@Geheim",
    "postgresql://127.0.0.1:1/db?password=Geheim%",
]
UNUSABLE = [
    "postgresql://dossier:Geheim@127.0.0.1:port/db",
    "postgresql://dossier:Geheim@127.0.0.1:1/db",
    "postgresql://dossier:Geheim:7%2F%40@127.0.0.1:1/db",
    "postgresql://127.0.0.1:1/db?pasword=Geheim",
    "postgresql://127.0.0.1:1/db?password=Geheim&sslpassword=Geheim",
    "postgresql://dossier:Geheim@[::1/db",
]


@pytest.mark.parametrize("url", REFUSED)
def test_a_password_that_is_written_badly_is_refused_before_the_driver_repeats_it(url: str) -> None:
    with pytest.raises(BadSetting, match="%40") as raised:
        load({"DOSSIER_VIEWS": url})
    shown = "".join(traceback.format_exception(raised.value))
    assert "Geheim" not in shown + str(raised.value.details)


@pytest.mark.parametrize("url", UNUSABLE)
def test_what_the_driver_says_does_not_hold_the_password(url: str) -> None:
    """Neither its message nor the traceback that a log shows."""
    assert load({"DOSSIER_VIEWS": url}).views == url
    with PostgresViews(url) as views, pytest.raises(ViewsDatabaseUnavailable) as raised, views.reading():
        pass
    shown = "".join(traceback.format_exception(raised.value))
    assert "Geheim" not in shown + str(raised.value.details)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://",
        "postgres://dossier@host:5432/db?sslmode=require",
        "postgresql://postgres:@/db?host=/run/postgresql&port=1",
        "postgresql://a%40b:m%E1%BA%ADt@[::1],host:5433/db",
    ],
)
def test_what_postgresqls_own_clients_take_is_taken(url: str) -> None:
    assert load({"DOSSIER_VIEWS": url}).views == url
