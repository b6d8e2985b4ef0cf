"""Who may do what with requests."""

from __future__ import annotations

from services.wishes.request.commands import (
    AcceptRequest,
    AnswerRequest,
    AskForInfo,
    CloseRequest,
    ConcludeReview,
    DeescalateRequest,
    DispatchRequest,
    EscalateRequest,
    GiveInfo,
    PauseClock,
    ReceiveRequest,
    RecordCallback,
    ReopenRequest,
    ResumeClock,
    ReturnRequest,
    TransferRequest,
)
from services.wishes.request.states import Answered, AwaitingInfo, Closed, Dispatched
from shared.authority import Allow

# A department acts on what a unit has, or had: before that a request is the desk's alone.
_WITH_A_UNIT = (Dispatched, AwaitingInfo, Answered, Closed)
_OF_DEPARTMENTS = (TransferRequest, AskForInfo, AnswerRequest, PauseClock, ResumeClock)

# An integration enters what another system of the district already did, step by step.
ACCESS = tuple(
    Allow(
        role=role,
        action=action,
        states=_WITH_A_UNIT if role == "department" and action in _OF_DEPARTMENTS else (),
    )
    for action, roles in {
        ReceiveRequest: ("desk", "resident", "integration"),
        AcceptRequest: ("desk", "integration"),
        ReturnRequest: ("desk", "integration"),
        DispatchRequest: ("desk", "integration"),
        TransferRequest: ("desk", "department", "integration"),
        AskForInfo: ("desk", "department", "integration"),
        GiveInfo: ("desk", "integration"),
        AnswerRequest: ("desk", "department", "integration"),
        CloseRequest: ("desk", "integration"),
        PauseClock: ("desk", "department", "integration"),
        ResumeClock: ("desk", "department", "integration"),
        EscalateRequest: ("desk", "secretary", "integration"),
        DeescalateRequest: ("secretary", "district_admin"),
        RecordCallback: ("desk", "secretary", "integration"),
        ConcludeReview: ("secretary", "district_admin"),
        ReopenRequest: ("desk", "integration"),
        "read_requests": ("desk", "department", "secretary", "district_admin", "integration"),
        "read_request_texts": ("desk", "department"),
        "search_requests": ("desk", "department"),
    }.items()
    for role in roles
)
