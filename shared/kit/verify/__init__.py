"""`cogov verify`: the invariants of a live site, checked in its databases and its Kafka."""

from shared.kit.verify.findings import Finding, Note
from shared.kit.verify.invariants import INVARIANTS, verify
from shared.kit.verify.site import ServiceUnderTest, VerifyLimits

__all__ = ["INVARIANTS", "Finding", "Note", "ServiceUnderTest", "VerifyLimits", "verify"]
