"""From a submission to staged events, a receipt and an answer: the pure half of the writer."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final, Protocol
from uuid import UUID

import msgspec

from shared.contracts.envelope import EVENT_BYTES_MAX, Event
from shared.decider import (
    Asked,
    Command,
    Decider,
    Due,
    Fact,
    Needs,
    Read,
    RefusalKind,
    Refused,
    States,
    To,
)
from shared.kit.overlay import Overlay, OverlayStates
from shared.kit.ports import Clock, Ids, KnownReceipt, NewEvent, Receipt
from shared.kit.submission import Accepted, Answer, KeyReused, Refusal, Submission

_ENCODER: Final = msgspec.json.Encoder()


class VersionDiffers(Refused):
    """The resource has changed since the version you named in If-Match."""

    kind = RefusalKind.VERSION


class NotFound(Refused):
    """There is no such resource in this scope."""

    kind = RefusalKind.NOT_FOUND


class OccurredInTheFuture(Refused):
    """What you enter as having happened lies in the future."""

    kind = RefusalKind.INVALID


class EventTooLarge(Refused):
    """The command would make an event above the size limit."""

    kind = RefusalKind.INVALID


class Guard(Protocol):
    """Says who may: reads the directory's streams, and finds the grant that allows a command."""

    def reads(self, submission: Submission, /) -> Sequence[Read[Any]]:
        """Name the streams that are needed for certain."""
        ...

    def authorise(
        self, submission: Submission, states: States, at: datetime, resource: object, /
    ) -> tuple[str, str]:
        """Give (resident, grant id), the target being in the state `resource`; or raise."""
        ...


class _Outcome(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a receipt remembers: enough to give the same answer again."""

    stream: str = ""
    version: int = 0
    scope: str = ""
    refusal: str = ""
    kind: str = ""
    text: str = ""
    details: dict[str, Any] = {}


_OUTCOMES: Final = msgspec.json.Decoder(_Outcome)


class Decided(msgspec.Struct, frozen=True):
    """A command's place in its batch: events staged, and what its receipt will say."""

    submission: Submission
    outcome: _Outcome
    events: int
    last: int

    def answer(self, epoch: int, base: int) -> Answer:
        """Give the answer, now that the batch is in the log after position `base`."""
        return _answer(self.outcome, self.events, epoch, base + self.last, replayed=False)


class Deciding:
    """Decides submissions, in order, on an overlay."""

    def __init__(
        self,
        *,
        deciders: Iterable[Decider[Any, Any]],
        public_types: frozenset[str],
        guard: Guard,
        clock: Clock,
        ids: Ids,
        claim_refusals: Mapping[str, type[Refused]] = MappingProxyType({}),
        erases: Mapping[type[Event], Callable[[Any], Sequence[UUID]]] = MappingProxyType({}),
    ) -> None:
        self._deciders: Mapping[type[Command], Decider[Any, Any]] = {
            command: decider for decider in deciders for command in decider.commands
        }
        self._public_types = public_types
        self._guard = guard
        self._clock = clock
        self._ids = ids
        self._claim_refusals = claim_refusals
        self._erases = erases

    def reads(self, submission: Submission) -> list[Read[Any]]:
        """Name every stream that this command is known to read before it is decided."""
        decider = self._deciders[type(submission.command)]
        command = submission.command
        reads = [Read(decider.target(command), decider.view, decider.key(command))]
        reads.extend(decider.reads(command))
        if submission.caller is not None:
            reads.extend(self._guard.reads(submission))
        return reads

    def decide(self, submission: Submission, overlay: Overlay) -> Decided:
        """Decide one command and stage its events and receipt; raise `Needs`.

        A rule's command that wrote nothing leaves no receipt, a timer's never: its row is the
        condition, and goes with the append whatever is decided.
        """
        before = len(overlay.batch.events)
        states = OverlayStates(overlay)
        try:
            events = self._events(submission, overlay, states)
            if events:
                self._check_claims(submission, overlay)
            overlay.stage(events)
            for _, fact in events:
                if (subjects := self._erases.get(type(fact.event))) is not None:
                    overlay.erase(subjects(fact.event))
            outcome = self._accepted(submission, overlay)
        except Refused as refused:
            outcome = _Outcome(
                refusal=refused.code(),
                kind=refused.kind.value,
                text=refused.text(),
                details=refused.details,
            )
        written = len(overlay.batch.events) - before
        decided = Decided(submission, outcome, written, before + written)
        if submission.timer is not None:
            if outcome.kind != RefusalKind.UNAVAILABLE.value:
                overlay.batch.fired.append(submission.timer)
        elif written or (
            # What cannot be said now is no answer: the same command is decided anew.
            submission.caller is not None and outcome.kind != RefusalKind.UNAVAILABLE.value
        ):
            self._stage_receipt(decided, overlay, before)
        return decided

    def _events(
        self, submission: Submission, overlay: Overlay, states: States
    ) -> list[tuple[NewEvent, Fact]]:
        at = self._clock.now()
        command = submission.command
        decider = self._deciders[type(command)]
        target = decider.target(command)
        state = states.get(target, decider.view, decider.key(command))
        if submission.timer is not None and not _still_due(submission.timer, decider, state):
            return []
        head = overlay.head(target)
        assert head is not None
        foreign = head.version > 0 and head.scope != submission.scope
        resident, grant_id = "", ""
        if submission.caller is not None:
            # What stands elsewhere looks like what does not exist, to the policy table too.
            resource = decider.view.initial if foreign else state
            resident, grant_id = self._guard.authorise(submission, states, at, resource)
        occurred_at = submission.occurred_at or at
        if occurred_at > at:
            raise OccurredInTheFuture
        if foreign:
            raise NotFound
        if submission.expected_version not in (None, head.version):
            raise VersionDiffers(version=head.version)
        asked = Asked(
            at=at,
            occurred_at=occurred_at,
            scope=submission.scope,
            resident=resident,
            on_behalf_of=submission.on_behalf_of,
            channel=submission.channel,
        )
        decisions = decider.decide(command, state, states, asked)
        numbered = self._numbered(submission, asked, grant_id, decisions, overlay)
        missing = [overlay.followed(event.stream, fact) for event, fact in numbered]
        reads = [read for read in missing if read is not None]
        if reads:
            raise Needs(*reads)
        return numbered

    def _check_claims(self, submission: Submission, overlay: Overlay) -> None:
        for claim in submission.claims:
            if overlay.holder(claim) not in (None, claim.holder):
                raise self._claim_refusals[claim.kind]

    def _numbered(
        self,
        submission: Submission,
        asked: Asked,
        grant_id: str,
        decisions: Sequence[To],
        overlay: Overlay,
    ) -> list[tuple[NewEvent, Fact]]:
        versions: dict[str, int] = {}
        events: list[tuple[NewEvent, Fact]] = []
        for decision in decisions:
            stream = decision.stream
            head = overlay.head(stream)
            if head is None:
                raise overlay.unread(stream)
            version = versions.get(stream, head.version) + 1
            versions[stream] = version
            scope = head.scope or submission.scope
            event = self._event(
                submission, asked, decision, grant_id=grant_id, version=version, scope=scope
            )
            fact = Fact(
                stream=stream,
                version=version,
                scope=scope,
                occurred_at=asked.occurred_at,
                at=asked.at,
                event=decision.event,
                event_id=str(event.event_id),
                actor=event.actor,
            )
            events.append((event, fact))
        return events

    def _event(
        self,
        submission: Submission,
        asked: Asked,
        decision: To,
        *,
        grant_id: str,
        version: int,
        scope: str,
    ) -> NewEvent:
        data = decision.event.model_dump_json()
        # At most four bytes a character: most events need no encoding to be known as small.
        if len(data) > EVENT_BYTES_MAX // 4 and len(data.encode()) > EVENT_BYTES_MAX:
            raise EventTooLarge(bytes_max=EVENT_BYTES_MAX)
        type_name = decision.event.type_name()
        return NewEvent(
            stream=decision.stream,
            version=version,
            event_id=self._ids.new(),
            type=type_name,
            scope=scope,
            occurred_at=asked.occurred_at,
            at=asked.at,
            correlation_id=submission.correlation_id,
            data=data,
            public=type_name in self._public_types,
            actor=asked.resident or submission.actor,
            on_behalf_of=asked.on_behalf_of,
            channel=asked.channel,
            grant_id=grant_id,
            command_id=submission.command_id,
            causation_id=submission.causation_id,
            traceparent=submission.traceparent,
            hops=submission.hops,
        )

    def _accepted(self, submission: Submission, overlay: Overlay) -> _Outcome:
        target = self._deciders[type(submission.command)].target(submission.command)
        head = overlay.head(target)
        assert head is not None
        return _Outcome(stream=target, version=head.version, scope=submission.scope)

    def _stage_receipt(self, decided: Decided, overlay: Overlay, before: int) -> None:
        submission = decided.submission
        overlay.batch.receipts.append(
            Receipt(
                command_id=submission.command_id,
                fingerprint=submission.fingerprint,
                outcome=_ENCODER.encode(decided.outcome).decode(),
                first=before + 1 if decided.events else before,
                events=decided.events,
            )
        )
        if decided.events:
            overlay.batch.secrets.extend(submission.secrets)
            overlay.claim(submission.claims)


def _still_due(timer: Due, decider: Decider[Any, Any], state: Any) -> bool:
    return decider.timers is not None and decider.timers.due(state).get(timer.name) == timer.due_at


def replay(known: KnownReceipt, submission: Submission) -> Answer:
    """Give the stored answer again, or tell that the key was used for another request."""
    if not hmac.compare_digest(known.fingerprint, submission.fingerprint):
        return KeyReused()
    outcome = _OUTCOMES.decode(known.outcome)
    return _answer(outcome, known.events, known.epoch, known.position, replayed=True)


def _answer(outcome: _Outcome, events: int, epoch: int, position: int, *, replayed: bool) -> Answer:
    if outcome.refusal:
        return Refusal(
            code=outcome.refusal,
            kind=outcome.kind,
            text=outcome.text,
            details=outcome.details,
            epoch=epoch,
            position=position,
            replayed=replayed,
        )
    return Accepted(
        stream=outcome.stream,
        version=outcome.version,
        events=events,
        epoch=epoch,
        position=position,
        scope=outcome.scope,
        replayed=replayed,
    )
