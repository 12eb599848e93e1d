"""The committer of a partition: one record at a time, with everything that callers handed over in the meantime.

There is no thread of its own: a caller that finds nobody leading takes the lead, and gives it to the next one that
waits when its own call is done. One round:

    1. Check what is waiting against the head, and against the others of the batch.
    2. Send one record, built on the head.
    3. While it is on its way, let the callers of the record before it go, and make the index ready for this one.
    4. Settle: next in the log: accepted. Further on: read up to it, and apply the rule. Lower, or unknown: verify the
       head, read to the end, and look for the commit ids. Not sent, because others have appended: read to the end.
    5. What was not accepted is checked again on the new head, and goes into the next record with the same ids.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from threading import Lock
from typing import Final

from infra.errors import LogUnusable
from infra.log.append_requests import AppendRequest, BatchView, RequestCheck
from infra.log.errors import LogBroken, RecordTooLarge
from infra.log.format import HEADER_LENGTH, Format, encode_body, seal
from infra.log.index import Applied
from infra.log.keys import Signer
from infra.log.partition import Partition
from infra.log.reporting import inform, logger
from infra.retry import Retry
from infra.timeouts import Timeout

# The writer's name and the counts of the body, at most.
_RECORD_OVERHEAD: Final = HEADER_LENGTH + 256


class Committer:
    """Appends to one partition, for any number of threads.

    `writer` (at most 200 bytes) names this process; `signer` gives the key that signs, and is asked when there is
    something to be signed.
    """

    def __init__(self, partition: Partition, writer: str, signer: Callable[[], Signer]) -> None:
        self._partition = partition
        self._writer = writer
        self._signer = signer
        self._lead = Lock()
        self._queue: deque[AppendRequest] = deque()
        # The rest is for whoever leads.
        self._carried: list[AppendRequest] = []
        self._in_flight: list[AppendRequest] = []
        self._decided: list[AppendRequest] = []
        self._awaited: dict[bytes, AppendRequest] = {}
        self._must_read = False
        self._failing: Retry | None = None
        """Since when outcomes were unknown in a row; None while they are known."""
        partition.observe(self._accepted)

    def submit(self, request: AppendRequest) -> int:
        """Append, or raise the reason why not; the position of the request's first event.

        Raises what `request.refusal` gives, RecordTooLarge, or another LogUnusable.
        """
        if request.size > self._record_capacity:
            reason = f"{request.size} bytes are more than the {self._record_capacity} that a record holds"
            raise RecordTooLarge(log=self._partition.address.name, reason=reason)
        self._queue.append(request)
        if self._lead.acquire(blocking=False):
            self._lead_until_done(request)
        else:
            # Not without a deadline: whoever leads has one for everything that it waits for.
            request.lock.acquire()
            if request.is_leader:
                self._lead_until_done(request)
        if request.error is not None:
            raise request.error
        return request.position

    @contextmanager
    def leading(self) -> Iterator[Partition]:
        """The partition for this thread alone, between two rounds, with the index at its head."""
        self._lead.acquire()
        try:
            self._release_decided()
            yield self._partition
        finally:
            self._hand_over()

    @property
    def _record_capacity(self) -> int:
        return self._partition.client.largest - _RECORD_OVERHEAD

    def _lead_until_done(self, request: AppendRequest) -> None:
        try:
            while not request.done:
                self._round()
        except LogUnusable as error:
            self._fail(error)
        except BaseException:
            # This caller goes away, with its call in the queue or in flight. The others' calls go on.
            self._partition.discard()
            self._must_read = True
            # Some may be in both.
            left = dict.fromkeys([*self._in_flight, *self._carried])
            self._carried = [other for other in left if other is not request and not other.decided]
            self._in_flight = []
            if request in self._queue:
                self._queue.remove(request)
            raise
        finally:
            self._hand_over()

    def _hand_over(self) -> None:
        """Give the lead to the next one that waits, or let it lie."""
        while True:
            waiting = self._carried or self._queue
            if waiting:
                successor = waiting[0]
                successor.is_leader = True
                successor.lock.release()
                return
            try:
                self._release_decided()
            except LogUnusable as error:
                self._fail(error)
            finally:
                # Whatever went wrong: a lead that is lost stops the partition for good.
                self._lead.release()
            # Somebody may have come between the look and the release, and be waiting now.
            if not self._queue or not self._lead.acquire(blocking=False):
                return

    def _round(self) -> None:
        # 1. Check.
        batch, send = self._build()
        self._in_flight = batch
        if not send:
            self._release_decided()
            return
        signer = self._signer()
        self._partition.check_writer(signer)
        state = self._partition.state
        body = encode_body(self._writer, [encoded for request in batch for encoded in request.encoded])
        events = sum(len(append.events) for request in batch for append in request.appends)
        chain = (state.head, state.number + 1, state.position, events)
        value = seal(state.place, signer, Format.APPENDS, chain, body)
        for request in batch:
            request.sent_on_number = state.number
            self._awaited[request.commit_id] = request
        # 2. Send.
        pending = self._partition.client.send(value)
        # 3. Meanwhile, finish the record before it, and make the index ready for this one.
        self._release_decided()
        if pending is None:
            # 4. Settle.
            self._partition.read_on()
            self._report("append.lost", batch, None)
        else:
            self._partition.prepare(value, [append for request in batch for append in request.appends], self._writer)
            self._settle(batch, pending.result())
        # 5. What is left goes into the next round. Whoever has nobody behind is let go now.
        self._carried[:0] = [request for request in batch if not request.decided]
        self._in_flight = []
        if not self._queue and not self._carried:
            self._release_decided()

    def _build(self) -> tuple[list[AppendRequest], bool]:
        """The requests of the next record, and whether there is one to be sent: it may be empty."""
        if self._must_read:
            self._read_on()
            self._must_read = False
        # From here on a failure is told to them as well.
        waiting = self._in_flight = self._next_requests()
        # An open orphan may have been dismissed by now, or an unusable record voided.
        fresh = self._partition.needs_reading or any(request.only_reads for request in waiting)
        if fresh:
            self._read_on()
        batch, later, missing = self._sort(waiting)
        if missing and not fresh:
            # A gap is refused only after one read to the high watermark: what is missing may be there.
            self._read_on()
            batch, later, missing = self._sort([request for request in waiting if not request.decided])
        # A copy that was sent could still be accepted, as long as the head on which it was built is the head.
        number = self._partition.state.number
        risky = [request for request in missing if request.sent_on_number == number]
        for request in missing:
            if request.sent_on_number != number:
                self._decide(request, request.refusal())
        self._carried = [*risky, *later, *self._carried]
        return batch, bool(batch or risky)

    def _sort(
        self, waiting: Iterable[AppendRequest]
    ) -> tuple[list[AppendRequest], list[AppendRequest], list[AppendRequest]]:
        """What holds on the head, what must wait for another one, and what comes after a gap. Decides the rest."""
        waiting = list(waiting)
        self._partition.load_versions(
            originator_id
            for request in waiting
            for append in request.appends
            for originator_id, _, _, _ in append.events
        )
        view = BatchView(self._partition)
        by_check: dict[RequestCheck, list[AppendRequest]] = {check: [] for check in RequestCheck}
        for request in waiting:
            if request.decided:
                continue
            check = self._check(request, view)
            by_check[check].append(request)
            if check is RequestCheck.VALID:
                view.add(request.appends)
        return (
            by_check[RequestCheck.VALID],
            by_check[RequestCheck.CONFLICTS_IN_BATCH],
            by_check[RequestCheck.MISSING_PREDECESSOR],
        )

    def _read_on(self) -> None:
        self._release_decided()
        self._partition.read_on()

    def _next_requests(self) -> list[AppendRequest]:
        """What is waiting, as much as one record holds."""
        carried, self._carried = deque(self._carried), []
        requests: list[AppendRequest] = []
        room = self._record_capacity
        while source := carried or self._queue:
            if source[0].size > room and requests:
                break
            request = source.popleft()
            if not request.decided:
                room -= request.size
                requests.append(request)
        self._carried = list(carried)
        return requests

    def _check(self, request: AppendRequest, view: BatchView) -> RequestCheck:
        if request.only_reads:
            self._decide(request)
            return RequestCheck.REFUSED
        try:
            self._partition.check_whole()
        except LogBroken as error:
            self._decide(request, error)
            return RequestCheck.REFUSED
        check = request.check(view)
        if check is RequestCheck.REFUSED:
            self._decide(request, request.refusal())
        return check

    def _settle(self, batch: Sequence[AppendRequest], offset: int | None) -> None:
        partition = self._partition
        next_offset = partition.head.next_offset
        if offset == next_offset:
            partition.accept()
            self._failing = None
            return
        partition.discard()
        if offset is None or offset < next_offset:
            self._wait_after_failure()
            partition.verify_head()
        partition.read_on()
        if offset is not None:
            self._read_up_to(offset)
        self._report("append.lost" if offset is not None else "append.resolved", batch, offset)

    def _report(self, event: str, batch: Sequence[AppendRequest], offset: int | None) -> None:
        partition = self._partition
        inform(
            __name__,
            event,
            log=partition.address.name,
            partition=partition.address.partition,
            offset=offset,
            head=partition.head.record_offset,
            found=sum(request.commit_id not in self._awaited for request in batch),
            appends=len(batch),
        )

    def _read_up_to(self, offset: int) -> None:
        """Acknowledged by all replicas, a record can be read as soon as the leader has noticed. Raises LogChanged."""
        tries = Retry(self._partition.client.lag, pause=0.005)
        while self._partition.head.next_offset <= offset:
            if tries.is_over:
                raise self._partition.changed(f"the record at offset {offset} was acknowledged, and is not there")
            tries.pause()
            self._partition.read_on()

    def _wait_after_failure(self) -> None:
        self._failing = self._failing or Retry(Timeout.APPEND, pause=0.05, longest=1.0)
        if self._failing.is_over:
            # Only a tape of Kafka leaves an outcome unknown.
            from infra.kafka.errors import KafkaUnreachable  # noqa: PLC0415

            reason = "the brokers did not acknowledge in time; whether it was appended is not known"
            raise KafkaUnreachable(log=self._partition.address.name, reason=reason)
        self._failing.pause()

    def _accepted(self, record: Applied) -> None:
        position = record.position
        for append in record.appends:
            self._commit_found(append.commit_id, position)
            position += len(append.events)

    def _commit_found(self, commit_id: bytes, position: int) -> None:
        """An append is in an accepted record."""
        request = self._awaited.pop(commit_id, None)
        if request is not None:
            request.position = position
            self._decide(request)

    def _decide(self, request: AppendRequest, error: Exception | None = None) -> None:
        self._awaited.pop(request.commit_id, None)
        request.error = error
        request.decided = True
        self._decided.append(request)

    def _release_decided(self) -> None:
        """Bring the index to the head, then tell the callers whose requests are decided."""
        self._partition.write_index()
        self._release_callers()

    def _release_callers(self) -> None:
        decided, self._decided = self._decided, []
        for request in decided:
            request.done = True
            request.lock.release()

    def _fail(self, error: LogUnusable) -> None:
        """Tell everybody who waits. What is known to be appended is no failure."""
        self._partition.discard()
        logger(__name__).error("append.halted", log=self._partition.address.name, reason=str(error))
        self._must_read = True
        self._failing = None
        waiting = [*self._in_flight, *self._carried]
        self._carried, self._in_flight = [], []
        while self._queue:
            waiting.append(self._queue.popleft())
        for request in waiting:
            if not request.decided:
                self._decide(request, error)
        self._release_callers()
