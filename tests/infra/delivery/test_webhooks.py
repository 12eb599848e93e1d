"""Whatever a receiver does, it gets every decision at least once under one id, in order per unit, and delays nobody."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import date
from ipaddress import ip_network
from pathlib import Path

import pytest
from standardwebhooks import Webhook

from consumers.feed import DecisionFeed
from consumers.webhook_dispatcher import Subscription, SubscriptionState, WebhookDispatcher
from infra.delivery.webhooks.http_client import WebhookClient
from infra.delivery.webhooks.signing import new_secret
from infra.delivery.webhooks.store import (
    DispatcherRunning,
    SubscriptionExists,
    UnknownSubscription,
    WebhookStore,
    WebhooksUnusable,
)
from projections.public_decisions.read_model import BEGINNING
from tests.support.event_builders import DossierHistory, FakeLog
from tests.support.receivers import ANY_PORT, EXTRA, Receiver, Request, receiver
from tests.support.units import COMMUNE, DEPARTMENT, DISTRICT
from tests.support.waiting import GUARD, wait_until

LOOPBACK = (ip_network("127.0.0.0/8"),)
Serve = Callable[..., AbstractContextManager[WebhookDispatcher]]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[WebhookStore]:
    with WebhookStore(tmp_path / "webhooks.sqlite") as made:
        yield made


@pytest.fixture
def serve(decisions: DecisionFeed, store: WebhookStore) -> Serve:
    """Runs a dispatcher whose tries are 50 ms apart, and end after half a second where a test asks for it."""

    @contextmanager
    def running(retries: tuple[float, ...] = (0.05,) * 40, deadline: float = GUARD) -> Iterator[WebhookDispatcher]:
        client = WebhookClient(LOOPBACK, ports=ANY_PORT, deadline=deadline)
        dispatcher = WebhookDispatcher(
            decisions, store, client.send, retries=retries, now=time.time, jitter=random.Random(7).random
        )
        stop = threading.Event()
        failures: list[BaseException] = []

        def run() -> None:
            try:
                dispatcher.run(stop)
            except BaseException as error:  # noqa: BLE001  # the test must see it
                failures.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield dispatcher
        finally:
            stop.set()
            thread.join()
            if failures:
                # Where the test gave up waiting, this is why, and both are told.
                raise failures[0]

    return running


def subscribe(
    store: WebhookStore,
    to: Receiver | str,
    name: str = "one",
    kinds: frozenset[str] = frozenset(),
    units: frozenset[str] = frozenset(),
) -> str:
    url = to if isinstance(to, str) else to.url
    secret = new_secret()
    store.add(Subscription(name, url, (secret,), kinds, units), {})
    return secret


def everything(decisions: DecisionFeed) -> list[str]:
    return [each.record["id"] for each in decisions.all_after({})]


def of_unit(decisions: DecisionFeed, unit: str) -> list[str]:
    return [each.record["id"] for each in decisions.all_after({}) if each.record["unit"]["id"] == unit]


def in_order_per_unit(to: Receiver) -> bool:
    """Whether the first acceptances of each unit have the sequence 1, 2, 3, … and name the one before."""
    last: dict[str, tuple[int, str | None]] = {}
    seen: set[str] = set()
    for event in to.accepted:
        record = event["data"]
        if record["id"] in seen:
            continue
        seen.add(record["id"])
        sequence, before = last.get(record["unit"]["id"], (0, None))
        if (record["sequence"], record["previous_id"]) != (sequence + 1, before):
            return False
        last[record["unit"]["id"]] = (record["sequence"], record["id"])
    return True


def three_units(log: FakeLog) -> None:
    for unit in (COMMUNE, DISTRICT, DEPARTMENT):
        DossierHistory(log, unit).until("announce").revoke(date(2024, 9, 1))


def test_a_receiver_gets_every_decision_signed_as_standard_webhooks_asks(
    log: FakeLog, decisions: DecisionFeed, store: WebhookStore, serve: Serve
) -> None:
    three_units(log)
    with receiver() as to:
        secret = subscribe(store, to)
        with serve():
            to.wait_for(15)
        assert set(to.ids()) == set(everything(decisions))
        assert in_order_per_unit(to)
        for request in to.requests:
            body = Webhook(secret).verify(request.body, request.headers)
            assert body == request.event
            assert request.headers["webhook-id"] == request.event["id"]
            assert request.headers["content-type"].startswith("application/cloudevents+json")
            assert request.event["type"] == f"dossier.decision.{request.event['data']['kind']}"
            assert request.event["timestamp"] == request.event["time"]


def test_a_rotated_secret_is_used_beside_the_old_one(log: FakeLog, store: WebhookStore, serve: Serve) -> None:
    DossierHistory(log).until("approve")
    with receiver() as to:
        old = subscribe(store, to)
        new = new_secret()
        store.set_secrets("one", (new, old))
        with serve():
            to.wait_for(2)
        for secret in (old, new):
            assert Webhook(secret).verify(to.requests[0].body, to.requests[0].headers) == to.requests[0].event


def test_a_subscription_gets_the_kinds_and_units_that_it_asked_for(
    log: FakeLog, store: WebhookStore, serve: Serve
) -> None:
    three_units(log)
    with receiver() as to:
        subscribe(store, to, kinds=frozenset({"approved", "revoked"}), units=frozenset({"04630", "so-tp"}))
        with serve():
            to.wait_for(4)
        assert {event["subject"] for event in to.accepted} == {"04630", "so-tp"}


def test_failures_are_tried_again_with_one_id_in_order(log: FakeLog, store: WebhookStore, serve: Serve) -> None:
    three_units(log)
    rng = random.Random(11)

    def flaky(request: Request) -> int:
        match rng.randrange(5):
            case 0:
                return 500
            case 1:
                request.handler.connection.close()
                return 0
            case 2:
                return rng.choice([429, 503, 404, 302])
            case _:
                return 200

    with receiver(flaky) as to:
        subscribe(store, to)
        with serve():
            to.wait_for(15)
        assert in_order_per_unit(to)
        assert len(to.requests) > 15
        tries = store.deliveries("one", 1000)
        assert {row["outcome"] for row in tries} == {"delivered", "failed"}
        # At least once: each acceptance that we heard of is one that happened, under the same id.
        assert {row["decision_id"] for row in tries if row["outcome"] == "delivered"} == set(to.ids())


@pytest.mark.parametrize("how", ["hangs", "drips"])
def test_a_receiver_that_hangs_delays_nobody_else(how: str, log: FakeLog, store: WebhookStore, serve: Serve) -> None:
    """The other one has everything before a single try at the first has ended."""
    three_units(log)
    ends = threading.Event()
    with receiver(hanging(how, ends)) as stuck, receiver() as fine:
        subscribe(store, stuck, "stuck")
        subscribe(store, fine, "fine")
        with serve():
            fine.wait_for(15)
            assert store.deliveries("stuck", 1) == []
            stuck.answer = lambda _: 200
            ends.set()
            stuck.wait_for(15)
        assert in_order_per_unit(stuck)


@pytest.mark.parametrize("how", ["hangs", "drips"])
def test_a_receiver_that_hangs_is_left_at_the_deadline(
    how: str, log: FakeLog, store: WebhookStore, serve: Serve
) -> None:
    """And tried again, until it answers."""
    three_units(log)
    ends = threading.Event()
    with receiver(hanging(how, ends)) as stuck:
        subscribe(store, stuck)
        with serve(retries=(0.05,) * 1000, deadline=0.5):
            wait_until(lambda: len(stuck.requests) > 3)
            assert {row["outcome"] for row in store.deliveries("one", 50)} == {"failed"}
            stuck.answer = lambda _: 200
            ends.set()
            stuck.wait_for(15)
        assert in_order_per_unit(stuck)


def hanging(how: str, ends: threading.Event) -> Callable[[Request], int]:
    """A receiver that says nothing, or one letter after another, until the end."""

    def hang(request: Request) -> int:
        while not ends.wait(0.05):
            if how == "drips":
                request.handler.wfile.write(b"H")
                request.handler.wfile.flush()
        return 0

    return hang


def test_a_receiver_that_is_gone_gets_nothing_until_it_is_resumed(
    log: FakeLog, store: WebhookStore, serve: Serve
) -> None:
    three_units(log)
    with receiver(lambda _: 410) as to:
        subscribe(store, to)
        with serve():
            wait_until(lambda: store.get("one").state is SubscriptionState.GONE)
            time.sleep(0.3)
            assert len(to.requests) == 1
            to.answer = lambda _: 200
            store.resume("one")
            to.wait_for(15)
        assert in_order_per_unit(to)


def test_a_redirect_is_not_followed(log: FakeLog, store: WebhookStore, serve: Serve) -> None:
    DossierHistory(log).until("approve")
    with receiver() as inside, receiver(lambda _: 307) as to:
        EXTRA[307] = {"location": inside.url}
        subscribe(store, to)
        with serve(retries=(0.05, 0.05)):
            wait_until(lambda: len(store.parked("one")) == 1)
        assert inside.requests == []
        assert "not followed" in store.deliveries("one", 1)[0]["detail"]


def test_what_fails_to_the_last_is_parked_and_holds_up_its_unit_alone(
    log: FakeLog, decisions: DecisionFeed, store: WebhookStore, serve: Serve
) -> None:
    three_units(log)
    bad = of_unit(decisions, COMMUNE.id)[1]
    with receiver(lambda request: 500 if request.event["id"] == bad else 200) as to:
        subscribe(store, to)
        with serve(retries=(0.02, 0.02)):
            to.wait_for(11)
            wait_until(lambda: len(store.parked("one")) == 1)
            (parked,) = store.parked("one")
            assert (parked["decision_id"], parked["attempts"], parked["behind"]) == (bad, 3, 3)
            assert [request.event["id"] for request in to.requests].count(bad) == 3

            to.answer = lambda _: 200
            assert store.resume("one", DISTRICT.id) == 0
            assert store.resume("one", COMMUNE.id) == 1
            to.wait_for(15)
        assert in_order_per_unit(to)
        assert store.queued("one") == 0


def test_a_receiver_may_ask_for_time(log: FakeLog, store: WebhookStore, serve: Serve) -> None:
    DossierHistory(log, year=2026).until("approve")
    answers = iter([503])
    EXTRA[503] = {"retry-after": "1"}
    with receiver(lambda _: next(answers, 200)) as to:
        subscribe(store, to)
        with serve(retries=(0.05, 5.0)):
            to.wait_for(1)
        first, second = store.deliveries("one", 2)
        assert second["at"] - first["at"] >= 0.9


def test_a_receiver_that_restarts_misses_nothing(
    log: FakeLog, decisions: DecisionFeed, store: WebhookStore, serve: Serve
) -> None:
    with receiver() as there:
        subscribe(store, there)
        port = int(there.url.split(":")[2].split("/")[0])
    with serve():
        with receiver(port=port) as first:
            DossierHistory(log).until("approve")
            first.wait_for(2)
        DossierHistory(log, DISTRICT).until("announce").revoke(date(2024, 9, 1))
        wait_until(lambda: any(row["outcome"] == "failed" for row in store.deliveries("one", 50)))
        with receiver(port=port) as second:
            second.wait_for(5)
    assert first.ids() + second.ids() == everything(decisions)


def test_a_courier_that_is_stopped_anywhere_loses_nothing(
    log: FakeLog, decisions: DecisionFeed, store: WebhookStore, serve: Serve
) -> None:
    three_units(log)

    def slowly(_: Request) -> int:
        time.sleep(0.02)
        return 200

    with receiver(slowly) as to:
        subscribe(store, to)
        while len(to.ids()) < 15:
            with serve():
                to.wait_for(len(to.ids()) + 1)
                time.sleep(0.05)
        assert set(to.ids()) == set(everything(decisions))
        assert in_order_per_unit(to)


def test_one_process_delivers(store: WebhookStore) -> None:
    with store.exclusive(), pytest.raises(DispatcherRunning), store.exclusive():
        pass


def test_a_new_subscription_begins_where_it_asked(
    log: FakeLog, decisions: DecisionFeed, store: WebhookStore, serve: Serve
) -> None:
    DossierHistory(log).until("announce")
    with receiver() as to:
        store.add(Subscription("late", to.url, (new_secret(),)), decisions.cursor_at("now"))
        with serve():
            DossierHistory(log, DISTRICT).until("approve")
            to.wait_for(2)
        assert {event["subject"] for event in to.accepted} == {DISTRICT.id}


def test_a_replay_is_marked_and_waits_for_nobody(
    log: FakeLog, decisions: DecisionFeed, store: WebhookStore, serve: Serve
) -> None:
    DossierHistory(log).until("announce")
    blocked = everything(decisions)[1]
    with receiver(
        lambda request: 500 if request.event["id"] == blocked and "replay" not in request.event else 200
    ) as to:
        subscribe(store, to)
        with serve() as dispatcher:
            to.wait_for(1)
            items = [dispatcher.delivery_of(each, "r-1") for each in decisions.of_unit(COMMUNE.id, "1")]
            store.enqueue("one", {}, items)
            wait_until(lambda: sum("replay" in event for event in to.accepted) == 3)
        replayed = [event for event in to.accepted if "replay" in event]
        assert [event["id"] for event in replayed] == everything(decisions)
        assert {event["replay"] for event in replayed} == {"r-1"}


def test_names_are_unique_and_must_exist(store: WebhookStore) -> None:
    subscribe(store, "https://example.vn/")
    with pytest.raises(SubscriptionExists):
        subscribe(store, "https://example.vn/")
    with pytest.raises(UnknownSubscription):
        store.resume("two")
    store.remove("one")
    assert store.standing() == []
    with pytest.raises(UnknownSubscription):
        store.remove("one")


def test_the_cursor_and_the_queue_move_together(log: FakeLog, decisions: DecisionFeed, store: WebhookStore) -> None:
    three_units(log)
    subscribe(store, "https://example.vn/")
    dispatcher = WebhookDispatcher(
        decisions, store, WebhookClient().send, retries=(1.0,), now=time.time, jitter=lambda: 0.5
    )
    assert dispatcher.enqueue_new(store.get("one")) == 15
    assert dispatcher.enqueue_new(store.get("one")) == 0
    assert store.queued("one") == 15
    assert store.cursor("one")[0] > BEGINNING
    assert [item.sequence for item in store.due("one", time.time())] == [1, 1, 1]


@pytest.mark.parametrize("moved", ["to another place", "by another file"])
def test_no_subscription_is_kept_in_a_file_that_is_not_at_its_path(
    store: WebhookStore, tmp_path: Path, moved: str
) -> None:
    """Whoever added it would be told that it is there, and the next process would not find it."""
    subscribe(store, "https://example.org/one")
    path = tmp_path / "webhooks.sqlite"
    path.rename(tmp_path / "moved.sqlite")
    with pytest.raises(WebhooksUnusable, match="a file that is not there"), WebhookStore(path) as next_one:
        next_one.subscriptions()
    if moved == "by another file":
        (tmp_path / "other.sqlite").write_bytes(b"")
        (tmp_path / "other.sqlite").rename(path)
    with pytest.raises(WebhooksUnusable, match=r"webhooks\.sqlite"):
        subscribe(store, "https://example.org/two", "two")
    store.close()
    # Put back, it has all that was kept.
    (tmp_path / "moved.sqlite").replace(path)
    with WebhookStore(path) as found:
        assert [each.name for each in found.subscriptions()] == ["one"]
