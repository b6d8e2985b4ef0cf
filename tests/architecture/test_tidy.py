"""Limits that nobody argues about, and traces of one machine that no commit may carry."""

import ast
import re
import subprocess
from collections.abc import Iterable
from importlib.metadata import packages_distributions
from pathlib import Path

ROOT = Path(__file__).parents[2]
LINE_MAX, FUNCTION_MAX, FILE_MAX = 100, 50, 400
FORBIDDEN_NAMES = {"base", "common", "helpers", "manager", "utils"}
OUR_PACKAGES = {"services", "shared", "tests"}

# Written in parts, so that this file does not name what it forbids.
REGISTRIES = [
    rf"{name}\.{domain}"
    for name, domain in (
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("maven", "org"),
        ("maven2?", "apache"),
        ("maven", "google"),
        ("npmjs", "org"),
        ("npmjs", "com"),
        ("crates", "io"),
        ("proxy", "golang"),
        ("deb", "debian"),
        ("archive", "ubuntu"),
    )
]
PLACES = [rf"(?<![\w.$}}]){re.escape(place)}/" for place in ("/" + "work", "/" + "root")]
TRACES = re.compile("|".join([*REGISTRIES, *PLACES]))


def source_files() -> list[Path]:
    folders = [ROOT / "services", ROOT / "shared"]
    return sorted(path for folder in folders for path in folder.rglob("*.py"))


def tracked_files() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    paths = (ROOT / name for name in listed.stdout.decode().split("\0") if name)
    return [path for path in paths if path.is_file()]


def functions(path: Path) -> Iterable[tuple[str, int]]:
    """Give each function's place and its length in lines."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            yield f"{path.relative_to(ROOT)}:{node.lineno} {node.name}", length


def test_files_are_short() -> None:
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in source_files()}
    assert {str(path): n for path, n in lengths.items() if n > FILE_MAX} == {}


def test_lines_are_short() -> None:
    long = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in source_files()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if len(line) > LINE_MAX
    ]
    assert long == []


def test_functions_are_short() -> None:
    lengths = [each for path in source_files() for each in functions(path)]
    assert [each for each in lengths if each[1] > FUNCTION_MAX] == []


def test_no_file_has_a_name_that_says_nothing() -> None:
    assert [str(path) for path in source_files() if path.stem in FORBIDDEN_NAMES] == []


def test_services_is_a_namespace_and_every_folder_below_it_a_package() -> None:
    assert not (ROOT / "services" / "__init__.py").exists()
    # import-linter sees packages only: a folder without the file would be outside the walls.
    folders = {path.parent for path in source_files()}
    assert [str(folder) for folder in folders if not (folder / "__init__.py").exists()] == []


def test_no_installed_distribution_owns_our_packages() -> None:
    owners = packages_distributions()
    assert {name: owners[name] for name in OUR_PACKAGES & owners.keys()} == {}


def test_no_tracked_file_names_a_registry_or_a_place_on_one_machine() -> None:
    traces = {
        str(path.relative_to(ROOT)): sorted(set(found))
        for path in tracked_files()
        if (found := TRACES.findall(path.read_bytes().decode("utf-8", errors="ignore")))
    }
    assert traces == {}
