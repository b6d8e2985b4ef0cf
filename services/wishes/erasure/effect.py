"""The end of a resident's files and keys in wishes, and the answer that it is done."""

from __future__ import annotations

from services.wishes.erasure.process import ConfirmErasure
from shared.contracts.wishes.erasure import SubjectTextsErased
from shared.decider import Command, Fact
from shared.kit.erasure import SINK, erasing
from shared.rules import Effect, Outcome, Outside


def end_the_rest(fact: Fact) -> Outside | None:
    """Ask for the end of files and keys."""
    match fact.event:
        case SubjectTextsErased(subjects=subjects):
            return erasing(fact, subjects)
        case _:
            return None


def confirmed(fact: Fact, outcome: Outcome) -> Command:
    """Tell how it went."""
    return ConfirmErasure(resident=fact.id, done=outcome.done)


END_THE_REST = Effect(
    name="erase_files_and_keys",
    events=(SubjectTextsErased,),
    sink=SINK,
    request=end_the_rest,
    outcome=confirmed,
)
