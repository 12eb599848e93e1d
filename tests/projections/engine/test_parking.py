"""An event that cannot be applied parks its dossier, and only that."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from eventsourcing.persistence import StoredEvent
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.dossier.application import DossierOpened, SelfAssessmentRecorded
from domain.dossier.reception import DossierReceived
from domain.recorded_event import RecordedEvent
from projections.audit import AUDIT
from projections.engine.engine import Engine
from projections.engine.errors import DossierParked, NothingParked, UnknownEvent
from projections.engine.parking import parked, retry
from projections.engine.projection import Event
from projections.engine.rows import RowCache
from projections.engine.snapshot import freshness
from projections.engine.verification import verify
from projections.read_models import PROJECTIONS
from projections.status import DOSSIERS, STATUS, find, get
from schemas.avro.codec import decode_event
from tests.projections.dumps import dump, heads
from tests.projections.failing_handlers import counts, failing_at, truncate
from tests.support.event_builders import DossierHistory, FakeLog, province
from tests.support.stores import Store, Stores
from tests.support.units import UNITS

_numbers = count(1)
NOW = datetime(2024, 12, 1, tzinfo=UTC)


def test_an_event_that_cannot_be_applied_parks_its_dossier_in_its_projection(views: Store, log: FakeLog) -> None:
    def fails_half_way(rows: RowCache, event: Event[Any]) -> None:
        row = rows.require(DOSSIERS, event.dossier_id)
        row["state"] = "half"
        rows.upsert_row(DOSSIERS, row)
        raise ZeroDivisionError("a bug")

    broken = replace(STATUS, handlers={**STATUS.handlers, DossierReceived: fails_half_way})
    others = [projection for projection in PROJECTIONS if projection is not STATUS]
    engine = Engine(views, log, decode_event, [broken, *others], batch_size=4)
    first = DossierHistory(log).until("forward")
    second = DossierHistory(log, UNITS.get("so-nv")).until("open")
    assert engine.catch_up() == heads(log)
    with engine.reading() as snapshot:
        assert {row["dossier_id"]: row["state"] for row in find(snapshot)} == {
            str(first.id): "forwarded_to_province", str(second.id): "opened",
        }  # fmt: skip
        (stale,) = snapshot.stale()
        assert stale.as_json() == {
            "projection": "status", "dossier": str(first.id), "event": "DossierReceived", "version": 6, "partition": 0,
            "position": 6, "cause": "ZeroDivisionError: a bug", "waiting": 1,
        }  # fmt: skip
        assert not snapshot.stale(["status"], lambda dossier: dossier == str(second.id))
        assert not snapshot.stale(["audit"])
        told = freshness(snapshot, log, decode_event, NOW, "status")
        assert told.stale == (stale,)
        assert told.as_json()["behind"] == {"events": 0, "seconds": 0.0}


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_later_events_wait_and_a_retry_applies_them_in_order(
    views: Store, log: FakeLog, expected: bytes, size: int
) -> None:
    province(log)
    poison = log.events[0][3]
    dossier = str(poison.originator_id)

    def older_decoder(stored: StoredEvent) -> RecordedEvent:
        if stored.state == poison.state:
            raise ValueError("not known yet")
        return decode_event(stored)

    Engine(views, log, older_decoder, PROJECTIONS, batch_size=size).catch_up()
    engine = Engine(views, log, decode_event, PROJECTIONS)
    assert counts(engine)["audit"][1] == sum(1 for each in log.events[0][3:] if str(each.originator_id) == dossier)
    before = dump(engine)
    preview = retry(engine, dossier, list(engine.projections), store=False)
    assert dump(engine) == before, "a preview changes nothing"
    assert not any(made.stored for made in preview)
    done = retry(engine, dossier, list(engine.projections), store=True)
    assert [(made.applied, made.left, made.changes) for made in done] == [
        (made.applied, made.left, made.changes) for made in preview
    ]
    assert dump(engine) == expected
    assert all(parked_events == 0 for _, parked_events, _ in counts(engine).values())
    with engine.reading() as snapshot:
        assert not snapshot.stale()
        assert not [each.findings for each in verify(engine, snapshot) if each.findings]
    with pytest.raises(NothingParked):
        retry(engine, dossier, list(engine.projections), store=True)


def test_a_retry_that_fails_again_stops_where_it_fails(views: Store, log: FakeLog) -> None:
    story = DossierHistory(log).until("announce")
    broken = Engine(views, log, decode_event, [failing_at(AUDIT, [3, 6])])
    broken.catch_up()
    half = Engine(views, log, decode_event, [failing_at(AUDIT, [6])])
    (made,) = retry(half, str(story.id), ["audit"], store=True)
    assert [event["position"] for event in made.applied] == [3, 4, 5]
    assert made.left[0]["position"] == 6
    assert made.left[0]["cause"] == "ZeroDivisionError: a bug"
    assert [event["cause"] for event in made.left[1:]] == [None] * (log.head(0) - 6)
    with half.reading() as snapshot:
        (stale,) = snapshot.stale()
        assert (stale.position, stale.waiting) == (6, log.head(0) - 6)
        assert parked(snapshot.reader, list(snapshot.builds.values()))[0]["position"] == 6


def test_a_dossier_whose_first_event_is_parked_is_stale_and_not_unknown(engine: Engine, log: FakeLog) -> None:
    story = DossierHistory(log).until("assess")
    truncate(log, 1)
    engine.catch_up()
    with engine.reading() as snapshot:
        assert get(snapshot, story.id) is None
        with pytest.raises(DossierParked, match=r"DossierOpened, its fact 1 .* could not be applied: UnreadableEvent"):
            snapshot.refuse_parked("status", str(story.id))
        snapshot.refuse_parked("status", "another")


def test_an_unknown_type_of_a_parked_dossier_stops_the_projection_all_the_same(engine: Engine, log: FakeLog) -> None:
    story = DossierHistory(log).until("assess")
    truncate(log, 1)
    log.add_raw(story.id, "DossierFramed", b"?")
    with pytest.raises(UnknownEvent):
        engine.catch_up()


def test_an_error_whose_words_no_store_takes_is_kept_all_the_same(views: Store, log: FakeLog) -> None:
    def fails(_: RowCache, __: Event[Any]) -> None:
        raise ValueError("a NUL \0 and half a pair \ud800")

    story = DossierHistory(log).until("assess")
    broken = replace(STATUS, handlers={**STATUS.handlers, SelfAssessmentRecorded: fails})
    engine = Engine(views, log, decode_event, [broken])
    engine.catch_up()
    with engine.reading() as snapshot:
        assert [(each.dossier, each.cause) for each in snapshot.stale()] == [
            (str(story.id), r"ValueError: a NUL \0 and half a pair \ud800")
        ]


def test_a_row_with_half_a_pair_parks_its_dossier(views: Store, log: FakeLog) -> None:
    def half(rows: RowCache, event: Event[Any]) -> None:
        STATUS.handlers[DossierOpened](rows, event)
        row = rows.require(DOSSIERS, event.dossier_id)
        row["number"] = "\ud800"
        rows.upsert_row(DOSSIERS, row)

    DossierHistory(log).until("assess")
    engine = Engine(views, log, decode_event, [replace(STATUS, handlers={**STATUS.handlers, DossierOpened: half})])
    assert engine.catch_up() == heads(log)
    with engine.reading() as snapshot:
        assert [each.event for each in snapshot.stale()] == ["DossierOpened"]


def test_a_row_that_the_store_does_not_take_parks_its_dossier(stores: Stores, log: FakeLog) -> None:
    """A text with a NUL is one to PostgreSQL; a number beyond 64 bits is one to both."""

    def too_much(rows: RowCache, event: Event[Any]) -> None:
        STATUS.handlers[DossierReceived](rows, event)
        row = rows.require(DOSSIERS, event.dossier_id)
        if stores.kind == "postgres":
            row["number"] += "\0"
        else:
            row["year"] = 2**70
        rows.upsert_row(DOSSIERS, row)

    first = DossierHistory(log).until("announce")
    second = DossierHistory(log, UNITS.get("so-nv")).until("submit")
    broken = replace(STATUS, handlers={**STATUS.handlers, DossierReceived: too_much})
    engine = Engine(stores.open("views"), log, decode_event, [broken, AUDIT], batch_size=7)
    assert engine.catch_up() == heads(log)
    with engine.reading() as snapshot:
        (stale,) = snapshot.stale()
        assert (stale.projection, stale.dossier, stale.event) == ("status", str(first.id), "DossierReceived")
        assert (get(snapshot, second.id) or {})["state"] == "submitted"
        assert sum(at.applied + at.parked + at.ignored for at in snapshot.checkpoints("status").values()) == log.head(0)
    (made,) = retry(engine, str(first.id), ["status"], store=True)
    assert (made.applied, made.left[0]["event"]) == ([], "DossierReceived")
    mended = Engine(stores.open("views"), log, decode_event, [STATUS, AUDIT])
    (made,) = retry(mended, str(first.id), ["status"], store=True)
    assert not made.left
    clean = Engine(stores.open("clean"), log, decode_event, [STATUS, AUDIT])
    clean.catch_up()
    assert dump(mended, STATUS, AUDIT) == dump(clean, STATUS, AUDIT)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_applied_parked_and_ignored_make_up_the_log_whatever_is_poisoned(stores: Stores, data: st.DataObject) -> None:
    """Damaged bytes and failing handlers anywhere, any size of batch, one or three partitions; then all is mended."""
    partitions = data.draw(st.sampled_from([1, 3]))
    log = FakeLog(partitions=partitions)
    province(log)
    number = next(_numbers)
    whole = [list(events) for events in log.events]
    for _ in range(data.draw(st.integers(0, 6))):
        partition = data.draw(st.integers(0, partitions - 1))
        if events := log.events[partition]:
            place = data.draw(st.integers(0, len(events) - 1))
            cut = data.draw(st.integers(0, max(0, len(events[place].state) - 1)))
            events[place] = replace(events[place], state=events[place].state[:cut])
    poisoned = [failing_at(each, data.draw(st.sets(st.integers(1, 200), max_size=4))) for each in PROJECTIONS]
    views = stores.open(f"poisoned_{number}")
    engine = Engine(views, log, decode_event, poisoned, batch_size=data.draw(st.integers(1, 80)))
    assert engine.catch_up() == heads(log)
    length = sum(heads(log).values())
    for name, (applied, parked_events, ignored) in counts(engine).items():
        assert applied + parked_events + ignored == length, name
    with engine.reading() as snapshot:
        assert not [each.findings for each in verify(engine, snapshot) if each.findings]
        waiting = {stale.dossier for stale in snapshot.stale()}
        assert sum(each.waiting + 1 for each in snapshot.stale()) == sum(n for _, n, _ in counts(engine).values())
    log.events[:] = whole
    mended = Engine(views, log, decode_event, PROJECTIONS)
    for dossier in sorted(waiting):
        # The public decisions of a unit wait together, and are retried with the first of its dossiers.
        with suppress(NothingParked):
            retry(mended, dossier, list(mended.projections), store=True)
    clean = Engine(stores.open(f"clean_{number}"), log, decode_event, PROJECTIONS)
    clean.catch_up()
    assert dump(mended) == dump(clean)
    assert counts(mended) == counts(clean)


def test_freshness_says_how_far_behind_in_events_and_seconds(engine: Engine, log: FakeLog) -> None:
    story = DossierHistory(log).until("assess")
    engine.catch_up()
    story.submit()
    missing = [decode_event(stored).timestamp for stored in log.events[0][2:]]
    with engine.reading() as snapshot:
        told = freshness(snapshot, log, decode_event, missing[0] + timedelta(seconds=90), "status")
    assert json.loads(json.dumps(told.as_json())) == {
        "projection": "status", "version": 1, "revision": STATUS.revision, "positions": {"0": 2},
        "log": {"0": 5}, "behind": {"events": 3, "seconds": 90.0}, "stale": [],
    }  # fmt: skip
