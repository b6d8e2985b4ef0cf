"""Who may do what is a contract with every district: the page changes with the tables."""

from shared.cli.permissions import PERMISSIONS_PAGE, permissions_page


def test_the_page_says_what_the_policy_tables_say() -> None:
    assert PERMISSIONS_PAGE.read_text(encoding="utf-8") == permissions_page(), "run `make docs`"
