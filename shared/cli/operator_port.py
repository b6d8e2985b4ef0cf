"""Asks a service's writer, over its operators' port, to do what an operator says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import httpx

from shared.cli.connections import NotConfiguredError, NotNowError
from shared.cli.local_settings import Places
from shared.kit.operating import PREFIX

_LOOPBACK: Final = "127.0.0.1"
_TIMEOUT_S: Final = 30.0


class OperatorPort:
    """One service's operators' port, and the token of who asks."""

    def __init__(self, service: str, root: Path, *, url: str = "", token_file: Path | None) -> None:
        """Take `url` and `token_file` where it is no local district under `root`."""
        places = Places(root)
        self._url = (url or _local_url(places, service)).rstrip("/")
        path = token_file or places.token("administrator")
        try:
            self._token = path.read_text(encoding="utf-8").strip()
        except OSError:
            raise NotConfiguredError(f"there is no token in {path}") from None

    def get(self, path: str, **query: int) -> list[dict[str, Any]]:
        """List something."""
        return self._ask("GET", path, params=query).json()

    def post(self, path: str, reason: str) -> dict[str, Any]:
        """Change something, for a reason; give what became of it."""
        answer = self._ask("POST", path, json={"reason": reason})
        return answer.json() if answer.content else {}

    def _ask(self, method: str, path: str, **request: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self._token}"}
        try:
            with httpx.Client(trust_env=False, timeout=_TIMEOUT_S, headers=headers) as client:
                answer = client.request(method, f"{self._url}{PREFIX}{path}", **request)
        except httpx.TransportError as error:
            raise NotNowError(f"{self._url} does not answer: {type(error).__name__}") from None
        if answer.is_success:
            return answer
        problem: dict[str, Any] = answer.json() if answer.content else {}
        raise NotNowError(f"{problem.get('code', answer.status_code)}: {problem.get('detail', '')}")


def _local_url(places: Places, service: str) -> str:
    path = places.root / "ports.json"
    known: dict[str, int] = json.loads(path.read_text()) if path.exists() else {}
    port = known.get(f"{service}-operator")
    if port is None:
        raise NotConfiguredError(f"no district has run under {places.root}; name the port by --url")
    return f"http://{_LOOPBACK}:{port}"
