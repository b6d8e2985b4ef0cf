"""A process (saga) as one table, state by input, that decides and draws itself (ADR 9).

The table is the code: the decider looks a pair of state and command up in it, and the pages under
`docs/reference` are made from the same rows. A pair that is missing is found when the table is
made, not when it happens.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from shared.contracts.envelope import Event
from shared.decider import Asked, Command, Decider, State, States, To

Then = Callable[[Any, Any, Asked], Sequence[Event]]


class StepKind(Enum):
    """What sort of step it is."""

    STEP = "step"
    TIMEOUT = "timeout"
    COMPENSATION = "compensation"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What an input does in a state: `then(command, state, asked)` gives some of `gives`.

    Afterwards the process is in one of `to`. `gives` empty: nothing is to be done, or `then`
    refuses.
    """

    state: type[State]
    on: type[Command]
    then: Then
    gives: tuple[type[Event], ...] = ()
    to: tuple[type[State], ...] = ()
    kind: StepKind = StepKind.STEP


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """A process of a service: its aggregate, its table, and what its events set going.

    `sends` says which commands, here or elsewhere, follow from an event of the process.
    """

    decider: Decider[Any, Any]
    steps: tuple[Step, ...]
    sends: Mapping[type[Event], tuple[str, ...]]


def nothing(_command: Any, _state: Any, _asked: Asked) -> Sequence[Event]:
    """Say that it is already so."""
    return ()


def decide_by(
    steps: Sequence[Step], stream: Callable[[Any], str]
) -> Callable[[Any, Any, States, Asked], Sequence[To]]:
    """Make the table's decide; raise ValueError unless it has each pair of state and input once."""
    table: dict[tuple[type[State], type[Command]], Step] = {}
    for step in steps:
        if (step.state, step.on) in table:
            raise ValueError(f"{step.state.__name__} has {step.on.__name__} twice")
        table[step.state, step.on] = step
    states = {step.state for step in steps} | {state for step in steps for state in step.to}
    missing = [
        f"{state.__name__} x {command.__name__}"
        for state in states
        for command in {step.on for step in steps}
        if (state, command) not in table
    ]
    if missing:
        raise ValueError(f"the table lacks {', '.join(sorted(missing))}")

    def decide(command: Any, state: Any, _states: States, asked: Asked) -> Sequence[To]:
        step = table[type(state), type(command)]
        events = step.then(command, state, asked)
        return [To(stream(command), event) for event in events]

    return decide


def draw(process: Process) -> str:
    """Draw the process as Markdown: a Mermaid diagram and the table."""
    lines = ["```mermaid", "stateDiagram-v2"]
    lines.append(f"    [*] --> {process.steps[0].state.__name__}")
    lines.extend(
        f"    {step.state.__name__} --> {state.__name__} : {_input(step)} / {_names(step.gives)}"
        for step in process.steps
        for state in step.to
    )
    lines += ["```", "", "| state | input | events | next | kind |", "|---|---|---|---|---|"]
    lines.extend(
        f"| {step.state.__name__} | {step.on.__name__} | {_names(step.gives) or 'nothing'} "
        f"| {_names(step.to) or 'the same'} | {step.kind.value} |"
        for step in process.steps
    )
    lines += ["", "| event | then |", "|---|---|"]
    lines.extend(
        f"| {event.__name__} | {', '.join(sent)} |" for event, sent in process.sends.items()
    )
    return "\n".join(lines) + "\n"


def _input(step: Step) -> str:
    mark = "" if step.kind is StepKind.STEP else f" ({step.kind.value})"
    return f"{step.on.__name__}{mark}"


def _names(types: Sequence[type[Any]]) -> str:
    return ", ".join(each.__name__ for each in types)
