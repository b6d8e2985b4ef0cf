"""The pages about processes are made from the tables that decide."""

from shared.cli.processes import PROCESSES_PAGE, processes_page


def test_the_page_says_what_the_tables_say() -> None:
    assert PROCESSES_PAGE.read_text(encoding="utf-8") == processes_page(), "run `make docs`"
