"""What the documents promise exists: tests, files and links that they name."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted(
    path
    for pattern in ("*.md", "docs/**/*.md", "services/*/README.md")
    for path in ROOT.glob(pattern)
)


def named_tests() -> list[tuple[str, str]]:
    text = (ROOT / "docs/reference/guarantees.md").read_text(encoding="utf-8")
    return re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", text)


def test_guarantees_are_listed() -> None:
    assert len(named_tests()) > 20


@pytest.mark.parametrize(("path", "name"), named_tests())
def test_a_guarantee_s_test_exists(path: str, name: str) -> None:
    source = (ROOT / path).read_text(encoding="utf-8")

    assert not name or f"def {name}(" in source


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_document_s_links_lead_somewhere(document: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", document.read_text(encoding="utf-8"))

    for link in links:
        if "://" not in link:
            assert (document.parent / link).exists(), link
