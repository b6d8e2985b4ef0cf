"""Who may do what with requests."""

from __future__ import annotations

from services.wishes.request.commands import (
    AcceptRequest,
    AnswerRequest,
    AskForInfo,
    CloseRequest,
    DispatchRequest,
    GiveInfo,
    ReceiveRequest,
    ReturnRequest,
    TransferRequest,
)
from shared.authority import Allow

# An integration enters what another system of the district already did, step by step.
ACCESS = tuple(
    Allow(role=role, action=action)
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
        "read_requests": ("desk", "department", "secretary", "district_admin", "integration"),
        "read_request_texts": ("desk", "department"),
        "search_requests": ("desk", "department"),
    }.items()
    for role in roles
)
