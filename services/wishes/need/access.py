"""Who may do what with needs."""

from __future__ import annotations

from services.wishes.need.commands import (
    ClusterSources,
    ConfirmNeed,
    DeclineNeed,
    EndNeed,
    PrioritiseNeed,
    RecordNeed,
    RetireNeed,
    SeparateSources,
)
from shared.authority import Allow

# Whoever meets people collects; which need is one, and what becomes of it, the secretary says.
ACCESS = tuple(
    Allow(role, action)
    for action, roles in {
        RecordNeed: ("desk", "secretary", "integration"),
        ClusterSources: ("desk", "secretary", "integration"),
        SeparateSources: ("desk", "secretary", "integration"),
        ConfirmNeed: ("secretary", "integration"),
        PrioritiseNeed: ("secretary", "integration"),
        EndNeed: ("secretary", "integration"),
        DeclineNeed: ("secretary", "integration"),
        RetireNeed: ("secretary", "integration"),
        "read_needs": ("desk", "department", "secretary", "district_admin", "integration"),
        "read_need_texts": ("desk", "department", "secretary"),
    }.items()
    for role in roles
)
