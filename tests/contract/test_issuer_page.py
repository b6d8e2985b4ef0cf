"""The page about issuers says what the settings and the refusals are."""

import json
import re
from pathlib import Path

from shared.kit.identity.keys import IssuerUnavailable
from shared.kit.identity.tokens import TokenRefusedError
from shared.kit.settings import ServiceSettings

PAGE = Path(__file__).parents[2] / "docs/how-to/connect-an-issuer.md"
NAMES = re.compile(r"issuer(_.*)?|audience|jwks_file")


def rows(heading: str) -> dict[str, str]:
    """Give the first two columns of the table under a heading."""
    section = PAGE.read_text(encoding="utf-8").partition(f"## {heading}\n")[2].partition("\n## ")[0]
    return dict(re.findall(r"^\| `(\w+)` \| (.*?) \|", section, re.MULTILINE))


def test_every_setting_is_listed_with_its_default() -> None:
    fields = {n: f for n, f in ServiceSettings.model_fields.items() if NAMES.fullmatch(n)}
    said = {name.lower(): default.strip("` ") for name, default in rows("Settings").items()}

    assert said.keys() == fields.keys()
    for name, field in fields.items():
        match field.get_default():
            case int() | float() | str() as default:
                assert said[name] == str(default), name
            case frozenset() as algorithms:
                assert set(json.loads(said[name])) == algorithms
            case _:
                assert said[name] == ("required" if field.is_required() else "none"), name


def test_every_refusal_is_listed_with_its_status() -> None:
    codes = {TokenRefusedError.code: "401", IssuerUnavailable.code(): "503"}
    codes |= {refusal.code: "401" for refusal in TokenRefusedError.__subclasses__()}

    assert rows("Refusals") == codes
