"""What every level of tests shares."""

pytest_plugins = [
    "tests.fixtures.database",
    "tests.fixtures.district",
    "tests.fixtures.ordeal",
    "tests.fixtures.site",
    "tests.fixtures.vaults",
]
