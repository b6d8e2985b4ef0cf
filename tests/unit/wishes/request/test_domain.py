from datetime import timedelta
from uuid import UUID

import pytest

from services.wishes.language import UNCATEGORISED
from services.wishes.request import refusals
from services.wishes.request.commands import (
    AcceptRequest,
    AnswerRequest,
    AskForInfo,
    CloseRequest,
    DispatchRequest,
    GiveInfo,
    ReceiveRequest,
    RequestCommand,
    ReturnRequest,
    TransferRequest,
)
from services.wishes.request.domain import REQUEST, TRANSFERS_MAX
from services.wishes.request.states import Request
from shared.contracts.wishes import (
    Category,
    CategoryPolicyAdopted,
    CloseReason,
    InfoAsked,
    InfoGiven,
    RequestAccepted,
    RequestAnswered,
    RequestClosed,
    RequestDispatched,
    RequestKind,
    RequestReceived,
    RequestReturned,
    RequestTransferred,
    ReturnReason,
    TransferReason,
    WishesEvent,
    category_policy_stream,
    request_stream,
)
from shared.decider import Refused, To
from shared.kit.testing.spec import NOW, Spec

ID = UUID("018f4e7e-0000-7000-8000-000000000001")
REQUESTER = UUID("018f4e7e-0000-7000-8000-000000000002")
TEXTS = UUID("018f4e7e-0000-7000-8000-000000000003")
QUESTION = UUID("018f4e7e-0000-7000-8000-000000000004")
REPLY = UUID("018f4e7e-0000-7000-8000-000000000005")
ANSWER = UUID("018f4e7e-0000-7000-8000-000000000006")
OTHER = UUID("018f4e7e-0000-7000-8000-000000000007")
R = str(ID)
STREAM = request_stream(ID)
POLICY = category_policy_stream("north")


def policy(version: int, *names: str) -> CategoryPolicyAdopted:
    categories = tuple(Category(name=name, unit="unit-1", keywords=(name,)) for name in names)
    return CategoryPolicyAdopted(version=version, rule="keyword_weight_v1", categories=categories)


def receive(
    *,
    texts: UUID = TEXTS,
    category: str = "roads",
    version: int = 1,
    district: str = "north",
    kind: RequestKind = RequestKind.PROBLEM,
) -> ReceiveRequest:
    return ReceiveRequest(
        request=R,
        kind=kind,
        district=district,
        category=category,
        category_policy=version,
        area="a1",
        requester=str(REQUESTER),
        texts=str(texts),
    )


def received(kind: RequestKind = RequestKind.PROBLEM) -> RequestReceived:
    return RequestReceived(
        request=ID,
        kind=kind,
        category="roads",
        category_policy=1,
        area="a1",
        requester=REQUESTER,
        texts=TEXTS,
    )


def transferred(to_unit: str, hop: int = 1, from_unit: str = "parks") -> RequestTransferred:
    return RequestTransferred(
        request=ID,
        from_unit=from_unit,
        to_unit=to_unit,
        accountable="parks",
        reason=TransferReason.NOT_COMPETENT,
        hop=hop,
    )


def transfer(to_unit: str) -> TransferRequest:
    return TransferRequest(request=R, to_unit=to_unit, reason=TransferReason.NOT_COMPETENT)


ACCEPT = AcceptRequest(request=R)
RETURN = ReturnRequest(request=R, reason=ReturnReason.UNCLEAR)
DISPATCH = DispatchRequest(request=R, unit="parks")
TRANSFER = transfer("roads")
ASK = AskForInfo(request=R, requester=str(REQUESTER), texts=str(QUESTION))
GIVE = GiveInfo(request=R, requester=str(REQUESTER), texts=str(REPLY))
REPLY_TO_ALL = AnswerRequest(request=R, requester=str(REQUESTER), texts=str(ANSWER))
WITHDRAW = CloseRequest(request=R, reason=CloseReason.WITHDRAWN)
CLOSE = CloseRequest(request=R, reason=CloseReason.ANSWERED)

ACCEPTED = RequestAccepted(request=ID)
RETURNED = RequestReturned(request=ID, reason=ReturnReason.UNCLEAR)
DISPATCHED = RequestDispatched(request=ID, unit="parks")
ASKED = InfoAsked(request=ID, unit="parks", texts=QUESTION)
GIVEN = InfoGiven(request=ID, texts=REPLY)
ANSWERED = RequestAnswered(request=ID, unit="parks", texts=ANSWER)
CLOSED = RequestClosed(request=ID, reason=CloseReason.ANSWERED)

NOTHING = Spec(REQUEST, scope="elm").given(
    POLICY, policy(1, "roads", "noise"), policy(2, "noise"), scope="north"
)
HISTORIES: dict[str, tuple[WishesEvent, ...]] = {
    "not received": (),
    "received": (received(),),
    "accepted": (received(), ACCEPTED),
    "dispatched": (received(), ACCEPTED, DISPATCHED),
    "transferred": (received(), ACCEPTED, DISPATCHED, transferred("roads")),
    "awaiting": (received(), ACCEPTED, DISPATCHED, ASKED),
    "informed": (received(), ACCEPTED, DISPATCHED, ASKED, GIVEN),
    "answered": (received(), ACCEPTED, DISPATCHED, ANSWERED),
    "returned": (received(), RETURNED),
    "closed": (received(), ACCEPTED, DISPATCHED, ANSWERED, CLOSED),
}


def spec(history: str) -> Spec[RequestCommand, Request]:
    return NOTHING.given(STREAM, *HISTORIES[history])


@pytest.mark.parametrize(
    ("history", "command", "event"),
    [
        ("not received", receive(), received()),
        ("received", ACCEPT, ACCEPTED),
        ("received", RETURN, RETURNED),
        ("received", WITHDRAW, RequestClosed(request=ID, reason=CloseReason.WITHDRAWN)),
        ("accepted", DISPATCH, DISPATCHED),
        ("accepted", WITHDRAW, RequestClosed(request=ID, reason=CloseReason.WITHDRAWN)),
        ("dispatched", TRANSFER, transferred("roads")),
        ("transferred", transfer("parks"), transferred("parks", hop=2, from_unit="roads")),
        ("dispatched", ASK, ASKED),
        ("dispatched", REPLY_TO_ALL, ANSWERED),
        ("dispatched", WITHDRAW, RequestClosed(request=ID, reason=CloseReason.WITHDRAWN)),
        ("awaiting", GIVE, GIVEN),
        ("awaiting", REPLY_TO_ALL, ANSWERED),
        ("awaiting", WITHDRAW, RequestClosed(request=ID, reason=CloseReason.WITHDRAWN)),
        ("informed", ASK, ASKED),
        ("answered", CLOSE, CLOSED),
    ],
)
def test_a_step_that_is_due_is_taken(
    history: str, command: RequestCommand, event: WishesEvent
) -> None:
    outcome = spec(history).when(command)

    # A unit's load is another stream's matter, see test_workload.
    assert outcome.refusal is None
    assert [to.event for to in outcome.events if to.stream == STREAM] == [event]


@pytest.mark.parametrize(
    ("history", "command"),
    [
        *[(history, receive()) for history in HISTORIES if history != "not received"],
        *[(history, ACCEPT) for history in ("accepted", "dispatched", "awaiting", "answered")],
        ("dispatched", DISPATCH),
        ("awaiting", DISPATCH),
        ("dispatched", transfer("parks")),
        ("transferred", transfer("roads")),
        ("awaiting", ASK),
        ("informed", GIVE),
        ("answered", REPLY_TO_ALL),
        ("returned", RETURN),
        ("closed", CLOSE),
    ],
)
def test_a_step_taken_again_changes_nothing(history: str, command: RequestCommand) -> None:
    spec(history).when(command).then_nothing()


NOT_OF_RECEIPT = (ACCEPT, RETURN, DISPATCH, TRANSFER, ASK, GIVE, REPLY_TO_ALL, WITHDRAW)
OTHER_ANSWER = AnswerRequest(request=R, requester=str(REQUESTER), texts=str(OTHER))


@pytest.mark.parametrize(
    ("history", "command", "refusal"),
    [
        *[("not received", command, refusals.RequestNotFound) for command in NOT_OF_RECEIPT],
        *[
            (history, receive(texts=OTHER), refusals.RequestTaken)
            for history in HISTORIES
            if history != "not received"
        ],
        ("received", DISPATCH, refusals.RequestNotAccepted),
        ("received", REPLY_TO_ALL, refusals.RequestNotAccepted),
        ("received", TRANSFER, refusals.RequestNotDispatched),
        ("received", ASK, refusals.RequestNotDispatched),
        ("received", GIVE, refusals.NoInfoAwaited),
        ("received", CLOSE, refusals.RequestNotAnswered),
        ("accepted", RETURN, refusals.RequestAlreadyAccepted),
        ("accepted", TRANSFER, refusals.RequestNotDispatched),
        ("accepted", ASK, refusals.RequestNotDispatched),
        ("accepted", GIVE, refusals.NoInfoAwaited),
        ("accepted", REPLY_TO_ALL, refusals.RequestNotDispatched),
        ("accepted", CLOSE, refusals.RequestNotAnswered),
        ("dispatched", RETURN, refusals.RequestAlreadyAccepted),
        (
            "dispatched",
            DispatchRequest(request=R, unit="roads"),
            refusals.RequestAlreadyDispatched,
        ),
        ("transferred", DISPATCH, refusals.RequestAlreadyDispatched),
        ("dispatched", GIVE, refusals.NoInfoAwaited),
        ("dispatched", CLOSE, refusals.RequestNotAnswered),
        (
            "transferred",
            AnswerRequest(request=R, requester=str(REQUESTER), texts=str(ANSWER), unit="parks"),
            refusals.NotHandlingUnit,
        ),
        ("awaiting", TRANSFER, refusals.InfoAwaited),
        (
            "awaiting",
            AskForInfo(request=R, requester=str(REQUESTER), texts=str(OTHER)),
            refusals.InfoAwaited,
        ),
        ("answered", RETURN, refusals.RequestAlreadyAccepted),
        *[
            ("answered", command, refusals.RequestAlreadyAnswered)
            for command in (DISPATCH, TRANSFER, ASK, GIVE, OTHER_ANSWER, WITHDRAW)
        ],
        *[
            ("returned", command, refusals.RequestWasReturned)
            for command in (ACCEPT, DISPATCH, TRANSFER, ASK, GIVE, REPLY_TO_ALL, CLOSE)
        ],
        (
            "returned",
            ReturnRequest(request=R, reason=ReturnReason.DUPLICATE),
            refusals.RequestWasReturned,
        ),
        *[("closed", command, refusals.RequestIsClosed) for command in NOT_OF_RECEIPT],
    ],
)
def test_a_step_that_is_not_due_is_refused(
    history: str, command: RequestCommand, refusal: type[Refused]
) -> None:
    spec(history).when(command).then_refused(refusal)


def test_the_desk_answers_an_enquiry_on_the_spot_and_names_the_unit() -> None:
    asked = NOTHING.given(STREAM, received(RequestKind.ENQUIRY), ACCEPTED)

    asked.when(
        AnswerRequest(
            request=R, requester=str(REQUESTER), texts=str(ANSWER), unit="parks", dated=False
        )
    ).then(To(STREAM, RequestAnswered(request=ID, unit="parks", texts=ANSWER, dated=False)))
    asked.when(REPLY_TO_ALL).then_refused(refusals.UnitMissing)


def test_texts_of_somebody_else_are_refused() -> None:
    asked = AskForInfo(request=R, requester=str(OTHER), texts=str(QUESTION))
    given = GiveInfo(request=R, requester=str(OTHER), texts=str(REPLY))
    answered = AnswerRequest(request=R, requester=str(OTHER), texts=str(ANSWER))

    spec("dispatched").when(asked).then_refused(refusals.NotTheRequester)
    spec("awaiting").when(given).then_refused(refusals.NotTheRequester)
    spec("dispatched").when(answered).then_refused(refusals.NotTheRequester)


def test_a_request_that_was_handed_on_too_often_is_handed_on_no_more() -> None:
    hops = [
        transferred(f"unit-{hop}", hop=hop, from_unit=f"unit-{hop - 1}")
        for hop in range(1, TRANSFERS_MAX + 1)
    ]
    worn = spec("dispatched").given(STREAM, *hops)

    worn.when(TRANSFER).then_refused(refusals.TransferLimitReached, transfers_max=TRANSFERS_MAX)
    worn.when(transfer(f"unit-{TRANSFERS_MAX}")).then_nothing()


def test_no_step_is_earlier_than_the_receipt() -> None:
    before = NOW - timedelta(seconds=1)

    spec("received").when(ACCEPT, at=before, entered_at=NOW).then_refused(refusals.BeforeReceived)
    spec("received").when(ACCEPT, at=NOW, entered_at=NOW).then(To(STREAM, ACCEPTED))


@pytest.mark.parametrize(
    ("category", "version"), [("roads", 1), ("noise", 1), ("noise", 2), (UNCATEGORISED, 2)]
)
def test_a_category_of_a_version_in_force_now_or_before_is_accepted(
    category: str, version: int
) -> None:
    outcome = NOTHING.when(receive(category=category, version=version))

    assert [to.event for to in outcome.events] == [
        received().model_copy(update={"category": category, "category_policy": version})
    ]


def test_a_category_that_its_version_does_not_have_is_refused() -> None:
    NOTHING.when(receive(category="roads", version=2)).then_refused(
        refusals.CategoryUnknown, category="roads"
    )
    NOTHING.when(receive(category="roads", version=0)).then_refused(
        refusals.CategoryUnknown, category="roads"
    )


@pytest.mark.parametrize("version", [-1, 3])
def test_a_version_that_is_not_there_yet_is_refused(version: int) -> None:
    NOTHING.when(receive(version=version)).then_refused(
        refusals.CategoryPolicyUnknown, version=version
    )


def test_without_a_policy_a_request_is_uncategorised() -> None:
    uncategorised = receive(category=UNCATEGORISED, version=0, district="")

    outcome = NOTHING.when(uncategorised)

    assert [to.event for to in outcome.events] == [
        received().model_copy(update={"category": UNCATEGORISED, "category_policy": 0})
    ]
    NOTHING.when(receive(district="")).then_refused(refusals.CategoryPolicyUnknown, version=1)
