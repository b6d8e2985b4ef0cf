"""Every folder of a service is a feature that its `app.py` names, by one line."""

import ast
from pathlib import Path

import pytest

from shared.feature import features_of

SERVICES = Path(__file__).parents[2] / "services"
NAMES = sorted(path.parent.name for path in SERVICES.glob("*/app.py"))


def named(service: str) -> list[str]:
    """Give the folders that `app.py` names."""
    tree = ast.parse((SERVICES / service / "app.py").read_text(encoding="utf-8"))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    (listing,) = (node for node in calls if ast.unparse(node.func) == "features_of")
    first, *folders = [ast.literal_eval(argument) for argument in listing.args]
    assert first == service
    return folders


@pytest.mark.parametrize("service", NAMES)
def test_the_folders_of_a_service_are_the_features_that_it_names(service: str) -> None:
    folders = {path.parent.name for path in (SERVICES / service).glob("*/__init__.py")}

    assert len(named(service)) == len(folders)
    assert set(named(service)) == folders


@pytest.mark.parametrize("service", NAMES)
def test_a_feature_s_name_stands_in_app_py_alone_on_its_line(service: str) -> None:
    lines = (SERVICES / service / "app.py").read_text(encoding="utf-8").splitlines()

    for folder in named(service):
        assert lines.count(f'    "{folder}",') == 1


def test_a_folder_that_is_not_there_is_named() -> None:
    with pytest.raises(ModuleNotFoundError, match=r"wishes\.nowhere"):
        features_of("wishes", "nowhere")
