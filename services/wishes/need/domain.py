"""A need, from when it is recorded to its one exit (W3).

The rules:

- A need is recorded with a category, an area and a grid, or for the whole community. Its title and
  text are in the vault.
- Requests, wishes, visits and incidents are clustered into it, at most `SOURCES_MAX`. A source is
  part of one need at a time; it may be taken out again while the need is open. Both sides are told
  in one append: the need lists its sources, each source answers which need it joined. A request
  must be this community's.
- Only a confirmed need has a place in the order and an exit other than being declined.
- It takes exactly one of five exits: solved in the grid, matched to a resource or service, done as
  a project, decided by motion, declined with a reason. All but the first and the last name what
  met it; a resource must be offered in this community. The end says how many whole days it took
  and, where known, what it cost.
- What ended is retired: taken off the list, and still counted.
- No step is earlier than the recording, and a step taken again changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, get_args
from uuid import UUID

from msgspec.structs import replace

from services.wishes.need import refusals
from services.wishes.need.commands import (
    ClusterCommand,
    ConfirmNeed,
    DeclineNeed,
    EndNeed,
    ExitCommand,
    NeedCommand,
    PrioritiseNeed,
    RecordNeed,
    Reference,
    RetireNeed,
    SeparateSources,
)
from services.wishes.need.states import (
    About,
    Clustered,
    Collected,
    Confirmed,
    Ended,
    Exit,
    Membership,
    Need,
    NotRecorded,
    Open,
    Over,
    Presence,
    Prioritised,
    Retired,
    Unconfirmed,
)
from shared.contracts.wishes import RequestReceived, request_stream
from shared.contracts.wishes.needs import (
    NeedClustered,
    NeedConfirmed,
    NeedEnded,
    NeedEvent,
    NeedExit,
    NeedPrioritised,
    NeedRecorded,
    NeedRetired,
    NeedSeparated,
    Source,
    SourceJoined,
    SourceKind,
    SourceLeft,
    need_source_stream,
    need_stream,
)
from shared.contracts.wishes.resources import ResourceOffered, resource_stream
from shared.decider import Asked, Decider, Fact, Read, States, To, View

SOURCES_MAX: Final = 500  # of one need
SCORE_MAX: Final = 100
COST_FEN_MAX: Final = 10**13  # a hundred thousand million yuan: no community has more
_MET_BY_SOMETHING: Final = (NeedExit.MATCHED, NeedExit.PROJECT, NeedExit.MOTION)


def evolve(state: Need, fact: Fact) -> Need:
    """Follow a need's own stream."""
    event = fact.event
    if isinstance(state, NotRecorded):
        return _recorded(event, fact) if isinstance(event, NeedRecorded) else state
    about = state.about
    match event, state:
        case NeedClustered(
            sources=sources
        ), Collected() | Clustered() | Confirmed() | Prioritised():
            return _counting(state, about.sources + len(sources))
        case NeedSeparated(sources=sources), Clustered() | Confirmed() | Prioritised():
            return _counting(state, about.sources - len(sources))
        case NeedConfirmed(), _:
            return Confirmed(about=about)
        case NeedPrioritised(score=score, reason=reason), _:
            return Prioritised(about=about, score=score, reason=reason)
        case NeedEnded(exit=exit_, cost_fen=cost, reference=reference, reason=reason), _:
            taken = Exit(exit=exit_, cost_fen=cost, reference=reference, reason=reason)
            return Ended(about=about, exit=taken)
        case NeedRetired(), Ended(exit=taken):
            return Retired(about=about, exit=taken)
        case _:
            return state


def evolve_membership(state: Membership, fact: Fact) -> Membership:
    """Follow a source's stream: which need it is part of."""
    match fact.event:
        case SourceJoined(need=need):
            return Membership(need=str(need), scope=fact.scope)
        case SourceLeft():
            return Membership(scope=fact.scope)
        case _:
            return state


def evolve_presence(state: Presence, fact: Fact) -> Presence:
    """Follow a request's stream: whether it is there, and where."""
    match fact.event:
        case RequestReceived():
            return Presence(scope=fact.scope)
        case _:
            return state


def evolve_offering(state: Presence, fact: Fact) -> Presence:
    """Follow an offer's stream: whether it is there, and where."""
    match fact.event:
        case ResourceOffered():
            return Presence(scope=fact.scope)
        case _:
            return state


OFFERING = View("wishes.need.offering", 1, Presence, Presence(), evolve_offering)
MEMBERSHIP = View("wishes.need.membership", 1, Membership, Membership(), evolve_membership)
PRESENCE = View("wishes.need.presence", 1, Presence, Presence(), evolve_presence)


def decide(command: NeedCommand, state: Need, states: States, asked: Asked) -> Sequence[To]:
    """Give what follows from a command; nothing when it is already so."""
    if isinstance(state, NotRecorded):
        if not isinstance(command, RecordNeed):
            raise refusals.NeedNotFound
        return [To(need_stream(command.need), _recording(command))]
    if asked.occurred_at < state.about.recorded_at:
        raise refusals.BeforeRecorded
    if isinstance(command, ClusterCommand):
        return _clustering(command, state, states, asked)
    event = _step(command, state, states, asked)
    return [] if event is None else [To(need_stream(command.need), event)]


def _step(
    command: RecordNeed | ConfirmNeed | PrioritiseNeed | ExitCommand | RetireNeed,
    state: Open | Over,
    states: States,
    asked: Asked,
) -> NeedEvent | None:
    need = UUID(command.need)
    match command, state:
        case RecordNeed(), _:
            if command.texts != state.about.texts:
                raise refusals.NeedTaken
            return None
        case RetireNeed(), Ended():
            return NeedRetired(need=need)
        case RetireNeed(), Retired():
            return None
        case RetireNeed(), _:
            raise refusals.NeedNotEnded
        case EndNeed() | DeclineNeed(), _:
            return _ending(command, state, states, asked)
        case ((ConfirmNeed() | PrioritiseNeed()), (Ended() | Retired())):
            raise refusals.NeedHasEnded(exit=state.exit.exit.value)
        case ConfirmNeed(), Collected() | Clustered():
            return NeedConfirmed(need=need)
        case ConfirmNeed(), Confirmed() | Prioritised():
            return None
        case PrioritiseNeed(), Collected() | Clustered():
            raise refusals.NeedNotConfirmed
        case PrioritiseNeed(), Confirmed() | Prioritised():
            return _prioritised(command, state)


def _prioritised(command: PrioritiseNeed, state: Confirmed | Prioritised) -> NeedPrioritised | None:
    score, reason = command.score, command.reason
    if not 1 <= score <= SCORE_MAX:
        raise refusals.ScoreOutOfBounds(score_max=SCORE_MAX)
    if isinstance(state, Prioritised) and (state.score, state.reason) == (score, reason):
        return None
    return NeedPrioritised(need=UUID(command.need), score=score, reason=reason)


def _ending(
    command: ExitCommand, state: Open | Over, states: States, asked: Asked
) -> NeedEnded | None:
    taken = _exit(command)
    if isinstance(state, Over):
        if taken != state.exit:
            raise refusals.NeedHasEnded(exit=state.exit.exit.value)
        return None
    if isinstance(state, Unconfirmed) and taken.exit is not NeedExit.DECLINED:
        raise refusals.NeedNotConfirmed
    if taken.exit is NeedExit.MATCHED:
        _check_offered(taken, states, asked)
    return NeedEnded(
        need=UUID(command.need),
        exit=taken.exit,
        days=(asked.occurred_at - state.about.recorded_at).days,
        cost_fen=taken.cost_fen,
        reference=taken.reference,
        reason=taken.reason,
    )


def _check_offered(taken: Exit, states: States, asked: Asked) -> None:
    offering = states.get(resource_stream(str(taken.reference)), OFFERING)
    if offering.scope != asked.scope:
        raise refusals.ExitReferenceNotFound(reference=str(taken.reference))


def _exit(command: ExitCommand) -> Exit:
    match command:
        case DeclineNeed(reason=reason):
            return Exit(exit=NeedExit.DECLINED, reason=reason)
        case EndNeed(exit=NeedExit.DECLINED):
            raise refusals.ExitNeedsReason
        case EndNeed(exit=exit_, reference=reference, cost_fen=cost_fen):
            if exit_ in _MET_BY_SOMETHING and not reference:
                raise refusals.ExitNeedsReference
            if cost_fen is not None and not 0 <= cost_fen <= COST_FEN_MAX:
                raise refusals.CostOutOfBounds(cost_fen_max=COST_FEN_MAX)
            met_by = UUID(reference) if reference else None
            return Exit(exit=exit_, cost_fen=cost_fen, reference=met_by)


def _clustering(
    command: ClusterCommand, state: Open | Over, states: States, asked: Asked
) -> Sequence[To]:
    moved = [
        reference
        for reference in dict.fromkeys(command.sources)
        if _moves(command, reference, states, asked)
    ]
    if not moved:
        return []
    if isinstance(state, Over):
        raise refusals.NeedHasEnded(exit=state.exit.exit.value)
    need, stream = UUID(command.need), need_stream(command.need)
    sources = tuple(Source(kind=one.kind, id=UUID(one.id)) for one in moved)
    if isinstance(command, SeparateSources):
        left = [SourceLeft(kind=one.kind, source=one.id, need=need) for one in sources]
        return [To(stream, NeedSeparated(need=need, sources=sources)), *_each(left)]
    if state.about.sources + len(sources) > SOURCES_MAX:
        raise refusals.SourceLimitReached(sources_max=SOURCES_MAX)
    joined = [SourceJoined(kind=one.kind, source=one.id, need=need) for one in sources]
    return [To(stream, NeedClustered(need=need, sources=sources)), *_each(joined)]


def _moves(command: ClusterCommand, source: Reference, states: States, asked: Asked) -> bool:
    """Tell whether a source changes its need; what is already so does not."""
    member = states.get(need_source_stream(source.kind, source.id), MEMBERSHIP)
    inside = member.need == command.need
    if isinstance(command, SeparateSources):
        return inside
    if inside:
        return False
    if member.scope not in ("", asked.scope) or _absent(source, states, asked):
        raise refusals.SourceNotFound(kind=source.kind.value, source=source.id)
    if member.need:
        raise refusals.SourceInOtherNeed(kind=source.kind.value, source=source.id, need=member.need)
    return True


def _absent(source: Reference, states: States, asked: Asked) -> bool:
    # Of the other kinds nothing is in this log yet: they are taken at their word.
    if source.kind is not SourceKind.REQUEST:
        return False
    return states.get(request_stream(source.id), PRESENCE).scope != asked.scope


def _each(events: Sequence[SourceJoined | SourceLeft]) -> list[To]:
    return [To(need_source_stream(event.kind, event.source), event) for event in events]


def _recording(command: RecordNeed) -> NeedRecorded:
    return NeedRecorded(
        need=UUID(command.need),
        category=command.category,
        grid=command.grid,
        area=command.area,
        texts=UUID(command.texts),
    )


def _recorded(event: NeedRecorded, fact: Fact) -> Collected:
    return Collected(
        about=About(
            category=event.category,
            grid=event.grid,
            area=event.area,
            texts=str(event.texts),
            recorded_at=fact.occurred_at,
        )
    )


def _counting(state: Open, sources: int) -> Open:
    about = replace(state.about, sources=sources)
    if isinstance(state, Unconfirmed):
        return Clustered(about=about) if sources else Collected(about=about)
    return replace(state, about=about)


def _reads(command: NeedCommand) -> Sequence[Read[Any]]:
    match command:
        case EndNeed(exit=NeedExit.MATCHED, reference=reference) if reference:
            return (Read(resource_stream(reference), OFFERING),)
        case _:
            return _source_reads(command)


def _source_reads(command: NeedCommand) -> Sequence[Read[Any]]:
    if not isinstance(command, ClusterCommand):
        return ()
    references = dict.fromkeys(command.sources)
    members = [Read(need_source_stream(one.kind, one.id), MEMBERSHIP) for one in references]
    requests = [one for one in references if one.kind is SourceKind.REQUEST]
    return (*members, *(Read(request_stream(one.id), PRESENCE) for one in requests))


NEED: Decider[NeedCommand, Need] = Decider(
    name="need",
    view=View("wishes.need", 1, Need, NotRecorded(), evolve),
    commands=get_args(NeedCommand),
    target=lambda command: need_stream(command.need),
    decide=decide,
    reads=_reads,
)
