"""I4: read models and stored states are what the log makes of them, row by row."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import asyncpg
import msgspec
from pydantic import ValidationError

from shared.decider import View
from shared.kit.ports import Stored
from shared.kit.postgres.log import EVENT_COLUMNS, stored
from shared.kit.read_models.cursors import status
from shared.kit.read_models.model import ReadModel
from shared.kit.read_models.replay import ReplayStoppedError, replay
from shared.kit.verify.findings import Check
from shared.kit.verify.keyed import check_keyed
from shared.kit.verify.site import Scene, ServiceUnderTest, Snapshot
from shared.kit.verify.timers import check_timers
from shared.kit.views import Views

_ENCODER: Final = msgspec.json.Encoder()

_STATES: Final = """
SELECT s.stream, s.key, s.view, s.revision, s.version, s.state::text AS state
FROM kit.state AS s
WHERE s.stream > $1
ORDER BY s.stream
FETCH FIRST $2 ROWS WITH TIES
"""

_EVENTS: Final = (
    "SELECT "
    + EVENT_COLUMNS
    + """
FROM kit.event AS e
WHERE e.stream = ANY($1::text[])
ORDER BY e.stream, e.version
"""
)


async def check_derived(scene: Scene, check: Check) -> None:
    """Fold every log anew and compare with what is stored."""
    for site in scene.sites:
        for model in site.read_models:
            await _check_model(scene, site, model, check)
        async with scene.snapshot(site) as snapshot:
            await _check_states(scene, site, snapshot, check)
            await check_keyed(site, snapshot, check)
            await check_timers(scene, site, snapshot, check)


async def _check_model(
    scene: Scene, site: ServiceUnderTest, model: ReadModel[Any], check: Check
) -> None:
    (stands,) = await status(site.pool, (model,))
    check.looked_at()
    if stands.lag < 0:
        what = f"its cursor is at {stands.position}, {-stands.lag} beyond the log's head"
        check.violated(site.name, what, read_model=model.table, position=stands.position)
        return
    try:
        replayed = await replay(
            site.pool,
            site.registry,
            model,
            differences_max=scene.limits.notes_max,
            statement_timeout_ms=scene.limits.statement_timeout_ms,
        )
    except ReplayStoppedError as error:
        check.violated(site.name, f"cannot be replayed: {error}", read_model=model.table)
        return
    except asyncpg.UndefinedTableError:
        check.violated(site.name, "there is no such table", read_model=model.table)
        return
    check.looked_at(replayed.rows)
    for found in replayed.differences:
        # Names only: the values are in the database for those who may see them.
        columns = ", ".join(sorted(found.columns))
        check.violated(
            site.name,
            f"differs from a replay up to {replayed.position} in {columns}",
            read_model=model.table,
            key=json.dumps(dict(found.key), default=str, sort_keys=True),
        )


async def _check_states(
    scene: Scene, site: ServiceUnderTest, snapshot: Snapshot, check: Check
) -> None:
    """Page through the states, whole streams at a time, and fold the streams' events."""
    after = ""
    while True:
        rows = await snapshot.all(_STATES, after, scene.limits.page_rows)
        if not rows:
            return
        after = rows[-1]["stream"]
        folds: dict[str, list[_Fold]] = {}
        for row in rows:
            fold = _begin(site, row, check)
            if fold is not None:
                folds.setdefault(fold.stream, []).append(fold)
        async for row in snapshot.rows(_EVENTS, list(folds)):
            event = stored(row)
            for fold in folds[event.stream]:
                fold.take(event)
        for fold in (fold for each in folds.values() for fold in each):
            fold.judge(site, check)


def _begin(site: ServiceUnderTest, row: asyncpg.Record, check: Check) -> _Fold | None:
    view = _views_by_name(site.views).get(row["view"])
    if view is None or view.revision != row["revision"]:
        check.excuse(
            site.name,
            "this release has no such view",
            stream=row["stream"],
            version=row["version"],
            view=f"{row['view']} r{row['revision']}",
        )
        return None
    return _Fold(
        views=site.views,
        view=view,
        stream=row["stream"],
        key=row["key"],
        version=row["version"],
        text=row["state"],
        state=view.initial,
    )


def _views_by_name(views: Views) -> Mapping[str, View[Any]]:
    return {view.name: view for view in views}


@dataclass(slots=True)
class _Fold:
    """A stored state, and its stream folded anew."""

    views: Views
    view: View[Any]
    stream: str
    key: str
    version: int
    text: str
    state: Any
    folded: int = 0
    position: int | None = None
    failure: str = ""

    def take(self, event: Stored) -> None:
        """Fold one event, if it is not past the stored state."""
        if event.version > self.version or self.failure:
            return
        self.position, self.folded = event.position, event.version
        try:
            self.state = self.views.fold(self.view, self.state, (event,), self.key)
        except ValidationError:
            self.failure = "an event of it cannot be read"
        except Exception as error:  # noqa: BLE001 - an evolve may raise anything; the rest goes on
            self.failure = f"its fold raised {type(error).__name__}"

    def judge(self, site: ServiceUnderTest, check: Check) -> None:
        """Compare the two as JSON."""
        check.looked_at()
        if self.failure:
            what = self.failure
        elif self.folded < self.version:
            what = f"is of version {self.version}, the log ends at {self.folded}"
        elif _canonical(_ENCODER.encode(self.state)) != _canonical(self.text):
            what = "differs from the fold of its events"
        else:
            return
        check.violated(
            site.name,
            f"the stored state {what}",
            stream=self.stream,
            version=self.version,
            position=self.position,
            view=self.view.slot(self.key),
        )


def _canonical(text: str | bytes) -> str:
    return json.dumps(json.loads(text), sort_keys=True)
