"""Deliberation, composed: the directory, who lives where in its communities, and the agenda."""

from __future__ import annotations

from shared.feature import compose, features_of, policy_table

FEATURES = features_of(
    "deliberation",
    "directory",
    "resident",
    "layout",
    "household",
    "erasure",
    "agenda",
)
POLICY = policy_table(FEATURES)
SERVICE = compose("deliberation", revision=1, hears=("wishes",), features=FEATURES, policy=POLICY)
