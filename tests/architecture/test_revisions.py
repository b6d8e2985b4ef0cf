"""No fold or evolve changes what it does under an unchanged revision."""

from shared.cli.revisions import entries_of, read, stale


def test_the_lock_says_what_the_code_does() -> None:
    found = stale(read(), entries_of())
    assert not found, "\n" + "\n".join(f"{name}: {what}" for name, what in found.items())
