"""The end of a resident's keys in the directory itself, and its own answer."""

from __future__ import annotations

from services.deliberation.erasure.process import OWN, RecordErasureAnswer
from shared.contracts.deliberation import SubjectErasureRequested
from shared.decider import Command, Fact
from shared.kit.erasure import SINK, erasing
from shared.rules import Effect, Outcome, Outside


def end_own_keys(fact: Fact) -> Outside | None:
    """Ask for the end of the keys, the files and the claims."""
    match fact.event:
        case SubjectErasureRequested(subjects=subjects):
            return erasing(fact, subjects)
        case _:
            return None


def answered(fact: Fact, outcome: Outcome) -> Command:
    """Tell how it went."""
    return RecordErasureAnswer(resident=fact.id, by=OWN, done=outcome.done)


END_OWN_KEYS = Effect(
    name="erase_own_keys",
    events=(SubjectErasureRequested,),
    sink=SINK,
    request=end_own_keys,
    outcome=answered,
)
