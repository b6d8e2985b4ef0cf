"""Wishes, composed: requests, and the policies that sort and time them."""

from __future__ import annotations

from shared.feature import compose, features_of, policy_table

FEATURES = features_of(
    "wishes",
    "request",
    "wish",
    "evidence",
    "categories",
    "deadlines",
    "workload",
    "reorganisation",
    "notice",
    "recurrence",
    "need",
    "resource",
    "erasure",
)
POLICY = policy_table(FEATURES)
SERVICE = compose("wishes", revision=3, hears=("deliberation",), features=FEATURES, policy=POLICY)
