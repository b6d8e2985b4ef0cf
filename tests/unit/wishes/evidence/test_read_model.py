from uuid import UUID

from services.wishes.evidence.read_model import EVIDENCE_FILES, evidence_keys, fold_evidence
from shared.contracts.wishes import EvidenceAttached, EvidencePurpose, RequestAccepted
from shared.kit.testing.spec import NOW, facts_of, fold_all

STREAM = "wishes/evidence/r1"


def attached(sha256: str) -> EvidenceAttached:
    return EvidenceAttached(
        request=UUID(int=1),
        sha256=sha256,
        media_type="application/pdf",
        size=7,
        purpose=EvidencePurpose.SCAN,
        subject=UUID(int=2),
    )


def test_each_file_is_a_row() -> None:
    rows = fold_all(EVIDENCE_FILES, facts_of(STREAM, attached("a"), attached("b"), scope="elm"))
    assert list(rows) == [("elm", "r1", "a"), ("elm", "r1", "b")]
    row = rows["elm", "r1", "a"]
    assert (row.media_type, row.size, row.purpose) == ("application/pdf", 7, "scan")
    assert (row.subject, row.attached_at) == (UUID(int=2), NOW)


def test_other_facts_are_no_files() -> None:
    (fact,) = facts_of(STREAM, RequestAccepted(request=UUID(int=1)), scope="elm")
    assert evidence_keys(fact) == ()
    assert fold_evidence(("elm", "r1", "a"), None, fact) is None
