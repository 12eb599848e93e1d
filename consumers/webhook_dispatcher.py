"""`dossier decisions webhooks run`: takes decisions to receivers, each at least once, in order per unit.

Each subscription has a queue of its own, and within it each unit: a failure holds up only what must come after
it. A decision that failed is tried again after each of `retries`, give or take a fifth; after the last try it is
parked, and the unit's later decisions wait behind it until a person resumes it. A receiver that answers 410 is gone:
nothing more is sent to it until a person resumes the subscription.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256
from threading import Event, Thread
from types import MappingProxyType
from typing import Final, NamedTuple, Protocol

import structlog

from consumers.feed import Cursor, DecisionFeed, FeedDiverged, FeedEntry
from domain.i18n import pair
from projections.public_decisions.read_model import FeedPosition

LIVE: Final = "live"
"""The stream of new decisions; each replay has a stream of its own, named after it."""

_IDLE_PAUSE: Final = 0.2
_SUPERVISION_PAUSE: Final = 0.5
_QUEUE_LIMIT: Final = 5000
_JITTER: Final = 0.2
_GONE: Final = 410


class SubscriptionState(StrEnum):
    """Whether anything is sent to a subscription."""

    ACTIVE = "active"
    PAUSED = "paused"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Subscription:
    """A receiver. `kinds` and `units` choose decisions; empty means all. `secrets`: the newest first."""

    name: str
    url: str
    secrets: tuple[str, ...] = field(repr=False)
    kinds: frozenset[str] = field(default_factory=frozenset)
    units: frozenset[str] = field(default_factory=frozenset)
    state: SubscriptionState = SubscriptionState.ACTIVE

    def wants(self, entry: FeedEntry) -> bool:
        """Whether a decision is for it."""
        record = entry.record
        return (not self.kinds or record["kind"] in self.kinds) and (
            not self.units or record["unit"]["id"] in self.units
        )


@dataclass(frozen=True, slots=True)
class Delivery:
    """A decision that waits to be delivered: `body` is what is sent, the same bytes at each try."""

    stream: str
    unit_id: str
    sequence: int
    decision_id: str
    body: str
    attempts: int = 0


@dataclass(frozen=True, slots=True)
class DeliveryResult:
    """What became of one try. `status` is the receiver's answer, None where there was none.

    `retry_after` are the seconds that the receiver asked us to wait.
    """

    ok: bool
    status: int | None
    detail: str
    seconds: float
    retry_after: float | None = None


class LastTaken(NamedTuple):
    """The last decision of a partition that was read for a queue: where it stood, its id, and a hash of what it is."""

    feed_position: FeedPosition
    decision_id: str
    digest: bytes


def taken_of(entry: FeedEntry) -> LastTaken:
    """A decision as it is remembered: by what is the same in every version of the public schema."""
    record = entry.record
    fixed = [record["id"], record["kind"], record["unit"]["id"], record["sequence"], record["previous_id"]]
    text = json.dumps([*fixed, record["recorded_at"]])
    return LastTaken(entry.feed_position, record["id"], sha256(text.encode()).digest())


class Store(Protocol):
    """Subscriptions, their queues and their deliveries, kept durably."""

    def subscriptions(self) -> Sequence[Subscription]:
        """All of them."""

    def cursor(self, name: str) -> Cursor:
        """How far decisions were taken into a subscription's queue."""

    def last_taken(self, name: str) -> Mapping[int, LastTaken]:
        """Partition → the last decision that was taken in, where that is known."""

    def queued(self, name: str) -> int:
        """How many decisions wait in a subscription's queue."""

    def enqueue(
        self,
        name: str,
        cursor: Cursor,
        items: Sequence[Delivery],
        taken: Mapping[int, LastTaken] = MappingProxyType({}),
    ) -> None:
        """Add to a queue and move its cursor, all or nothing; `taken`: partition → the last decision that was read."""

    def due(self, name: str, now: float) -> Sequence[Delivery]:
        """Of each stream and unit the first decision, where it is time to try it."""

    def next_due(self, name: str) -> float | None:
        """When the next try of a subscription is due; None when nothing waits."""

    def delivered(self, name: str, item: Delivery, result: DeliveryResult) -> None:
        """Note a delivery, and take the decision out of the queue."""

    def failed(self, name: str, item: Delivery, result: DeliveryResult, next_at: float | None) -> None:
        """Note a failed try. `next_at` None parks the decision."""

    def set_state(self, name: str, state: SubscriptionState, why: str) -> None:
        """Stop a subscription, or let it go on."""


Send = Callable[[Subscription, Delivery], DeliveryResult]
"""One try: it ends within a bounded time, and raises nothing for whatever a receiver does."""


class WebhookDispatcher:
    """Delivers what is decided to every subscription. `jitter` gives numbers from 0 to 1."""

    def __init__(
        self,
        decisions: DecisionFeed,
        store: Store,
        send: Send,
        *,
        retries: Sequence[float],
        now: Callable[[], float],
        jitter: Callable[[], float],
    ) -> None:
        self._decisions = decisions
        self._store = store
        self._send = send
        self._retries = tuple(retries)
        self._now = now
        self._jitter = jitter
        self._log = structlog.get_logger("webhooks")

    def run(self, stop: Event, went_on: Callable[[], None] = lambda: None) -> None:
        """Keep one thread for each active subscription until `stop` is set. An error of one of ours ends all.

        `went_on` is called after each round without one.

        1. See which subscriptions there are. 2. Start a thread for each new one. 3. End those that are no longer.
        """
        running: dict[str, tuple[Thread, Event, Subscription]] = {}
        failures: list[BaseException] = []
        try:
            while not stop.wait(0 if not running else _SUPERVISION_PAUSE):
                wanted = {
                    each.name: each for each in self._store.subscriptions() if each.state is SubscriptionState.ACTIVE
                }  # 1
                for name, subscription in wanted.items():  # 2
                    if name not in running:
                        running[name] = self._start(subscription, failures)
                for name, (thread, end, subscription) in list(running.items()):  # 3
                    if wanted.get(name) != subscription or not thread.is_alive():
                        end.set()
                        thread.join()
                        del running[name]
                if failures:
                    raise failures[0]
                went_on()
                if not wanted:
                    stop.wait(_SUPERVISION_PAUSE)
        finally:
            for _, end, _ in running.values():
                end.set()
            for thread, _, _ in running.values():
                thread.join()

    def _start(self, subscription: Subscription, failures: list[BaseException]) -> tuple[Thread, Event, Subscription]:
        end = Event()

        def serve() -> None:
            try:
                self.serve(subscription, end)
            except BaseException as error:  # noqa: BLE001  # a thread's error must reach the process
                failures.append(error)

        thread = Thread(target=serve, name=f"webhook-{subscription.name}", daemon=True)
        thread.start()
        return thread, end, subscription

    def serve(self, subscription: Subscription, end: Event) -> None:
        """One subscription: take in what was decided, deliver what is due, wait; until `end` is set or it is gone."""
        while not end.is_set():
            read = self.enqueue_new(subscription)
            due = self._store.due(subscription.name, self._now())
            for item in due:
                if end.is_set() or not self.deliver(subscription, item):
                    return
            if not read and not due:
                next_due = self._store.next_due(subscription.name)
                wait = _IDLE_PAUSE if next_due is None else min(_IDLE_PAUSE, max(0.0, next_due - self._now()))
                end.wait(wait)

    def enqueue_new(self, subscription: Subscription) -> int:
        """Queue what was decided since the last time, while the queue is not full; returns how many were read.

        Raises FeedDiverged where the last decision that was taken in is not what the log leads to by now: then what
        follows it does not follow what the receiver has.
        """
        if self._store.queued(subscription.name) >= _QUEUE_LIMIT:
            return 0
        cursor = dict(self._store.cursor(subscription.name))
        found = self._decisions.after(cursor)
        if found:
            self._check_last_taken(subscription)
            cursor |= {each.partition: each.feed_position for each in found}
            items = [self.delivery_of(each) for each in found if subscription.wants(each)]
            taken = {each.partition: taken_of(each) for each in found}
            self._store.enqueue(subscription.name, cursor, items, taken)
        return len(found)

    def _check_last_taken(self, subscription: Subscription) -> None:
        for partition, last in self._store.last_taken(subscription.name).items():
            entry = self._decisions.entry_at(partition, last.feed_position)
            if entry is None or taken_of(entry) != last:
                reason = pair("the decision {id} reads otherwise", id=last.decision_id)
                raise FeedDiverged(
                    place=f"{subscription.name} {partition}/{last.feed_position.position}", reason=reason
                )

    def delivery_of(self, entry: FeedEntry, stream: str = LIVE) -> Delivery:
        """A decision as it is queued; in another stream than LIVE it is marked as a replay."""
        record = entry.record
        more: Mapping[str, str] = {} if stream == LIVE else {"replay": stream}
        body = self._decisions.serializer.json(record, **more)
        return Delivery(stream, record["unit"]["id"], record["sequence"], record["id"], body)

    def deliver(self, subscription: Subscription, item: Delivery) -> bool:
        """Try one decision once, and note what became of it; False when the receiver is gone."""
        result = self._send(subscription, item)
        attempt = item.attempts + 1
        log = self._log.bind(
            subscription=subscription.name,
            decision=item.decision_id,
            unit=item.unit_id,
            sequence=item.sequence,
            attempt=attempt,
            status=result.status,
        )
        if result.ok:
            self._store.delivered(subscription.name, item, result)
            log.info("webhook.delivered", seconds=round(result.seconds, 3))
            return True
        if result.status == _GONE:
            # It keeps its place: what it answered says nothing of the decision.
            self._store.failed(subscription.name, item, result, self._now())
            self._store.set_state(subscription.name, SubscriptionState.GONE, result.detail)
            log.warning("webhook.gone")
            return False
        next_at = self._next_try(attempt, result)
        self._store.failed(subscription.name, item, result, next_at)
        log.warning("webhook.parked" if next_at is None else "webhook.failed", detail=result.detail)
        return True

    def _next_try(self, attempt: int, result: DeliveryResult) -> float | None:
        if attempt > len(self._retries):
            return None
        delay = self._retries[attempt - 1] * (1 + _JITTER * (2 * self._jitter() - 1))
        return self._now() + max(delay, min(result.retry_after or 0.0, max(self._retries)))
