"""Moves read models over a page of the log: rows and cursors in one transaction, exact by CAS."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import asyncpg
import structlog
from prometheus_client import CollectorRegistry

from shared.kit.crash import crash_point
from shared.kit.observability.metrics import Metrics
from shared.kit.observability.tracing import NO_TRACING, Tracing
from shared.kit.read_models.codec import Codec, RowUnfitError
from shared.kit.read_models.cursors import SERVED, Connection, Cursors, Move
from shared.kit.read_models.folding import Failure, Folded, Page, Vocabulary, fold, plan
from shared.kit.read_models.known_rows import KnownRows
from shared.kit.read_models.model import Effective, ReadModel

_log: Final = structlog.get_logger()

# Classes of SQLSTATE that pass: connection, transaction, resources, locks, operator, system.
_PASSING: Final = frozenset({"08", "40", "53", "55", "57", "58", "XX"})


class Engine:
    """Folds pages into the tables of the models it was made for, those of one kind of cursors.

    With `rows_cached_max` it remembers rows that it wrote, so many a model at most: for tables that
    nobody else writes. What it remembers it forgets whenever a page was not written, and where
    somebody else has moved the table on.
    """

    def __init__(
        self,
        pool: asyncpg.Pool,
        models: Sequence[ReadModel[Any]],
        *,
        cursors: Cursors = SERVED,
        rows_cached_max: int = 0,
        metrics: Metrics | None = None,
        tracing: Tracing = NO_TRACING,
    ) -> None:
        self._pool = pool
        self._cursors = cursors
        self._metrics = metrics or Metrics(CollectorRegistry())
        self._tracing = tracing
        self._seconds = {
            model.name: self._metrics.model_fold_seconds.labels(model.name) for model in models
        }
        self._codecs = {model.name: Codec(model, cursors.table(model)) for model in models}
        # A subject has any number of periods: what is remembered must be bounded in rows.
        self._known = {
            model.name: KnownRows(0 if isinstance(model.fold, Effective) else rows_cached_max)
            for model in models
        }
        self._vocabularies = {model.name: Vocabulary(model) for model in models}

    async def advance(self, models: Sequence[ReadModel[Any]], page: Page) -> None:
        """Move models, all standing at the page's beginning, to its end in one transaction.

        A model that cannot follow stands still before the event it cannot follow, with the reason;
        the others go on. Raises CursorMovedError when one of them stood elsewhere (then nothing
        was written), and what asyncpg raises for faults that pass.
        """
        traceparents = (entry.traceparent for entry in page.entries)
        with self._tracing.batch("fold", traceparents) as span:
            if span:
                span.set(
                    models=",".join(model.name for model in models),
                    events=len(page.entries),
                    after=page.after,
                    through=page.through,
                )
            if isinstance(await self._together(models, page), Exception):
                for model in models:
                    await self._alone(model, page)

    async def _alone(self, model: ReadModel[Any], page: Page) -> bool:
        """Halve the page until the guilty event is alone; tell whether the model goes on."""
        done = await self._together((model,), page)
        if not isinstance(done, Exception):
            return not done
        if len(page.entries) > 1:
            first, second = page.halves()
            return await self._alone(model, first) and await self._alone(model, second)
        await self._stop(model, page, done)
        return False

    async def _together(
        self, models: Sequence[ReadModel[Any]], page: Page
    ) -> list[Failure] | Exception:
        """Move models in one transaction; give the error if the rows of one were refused."""
        try:
            folded = await self._write(models, page)
        except BaseException as error:
            for model in models:
                self._known[model.name].forget()
            if isinstance(error, RowUnfitError):
                return error
            if isinstance(error, asyncpg.PostgresError) and not _passes(error):
                return error
            raise
        failures: list[Failure] = []
        for model, done in folded:
            if done.failure is not None:
                self._stopped(model, done.through, done.failure)
                failures.append(done.failure)
        return failures

    async def _write(
        self, models: Sequence[ReadModel[Any]], page: Page
    ) -> list[tuple[ReadModel[Any], Folded[Any]]]:
        async with self._pool.acquire() as connection, connection.transaction():
            # First, so that whoever else would move one of them waits, and then knows at once.
            ways = [Move(model, page.after, page.through) for model in models]
            await self._cursors.move(connection, ways)
            folded: list[tuple[ReadModel[Any], Folded[Any]]] = []
            for model in models:
                with self._seconds[model.name].time():
                    folded.append((model, await self.follow(connection, model, page)))
            short = [
                Move(model, page.through, done.through, str(done.failure))
                for model, done in folded
                if done.failure is not None
            ]
            if short:
                await self._cursors.move(connection, short)
            crash_point("fold")
        return folded

    async def follow(
        self, connection: Connection, model: ReadModel[Any], page: Page
    ) -> Folded[Any]:
        """Fold a page into one model's table, up to where it can follow; no cursor moves."""
        codec, known = self._codecs[model.name], self._known[model.name]
        planned = plan(model, self._vocabularies[model.name], page)
        before = known.among(planned.keys, position=page.after)
        missing = [key for key in planned.keys if key not in before]
        if missing:
            text = await connection.fetchval(codec.load, codec.subjects(missing))
            before.update(codec.loaded(text, planned.keys))
        folded = fold(model, planned, {key: row for key, row in before.items() if row is not None})
        if folded.rows:
            await connection.execute(codec.upsert, codec.rows(folded.rows))
        if folded.deleted:
            await connection.execute(codec.delete, codec.keys(folded.deleted))
        known.learn(
            {codec.key_of(row): row for row in folded.rows},
            folded.deleted,
            position=folded.through,
        )
        return folded

    async def _stop(self, model: ReadModel[Any], page: Page, error: Exception) -> None:
        code = "rows_refused"
        if isinstance(error, asyncpg.PostgresError):
            code = f"rows_refused {error.sqlstate}"
        failure = Failure(page.entries[0].position if page.entries else 0, code, error)
        async with self._pool.acquire() as connection, connection.transaction():
            await self._cursors.move(
                connection, [Move(model, page.after, page.after, str(failure))]
            )
        self._stopped(model, page.after, failure)

    def _stopped(self, model: ReadModel[Any], position: int, failure: Failure) -> None:
        self._metrics.faults.labels("model").inc()
        _log.error(
            "read_model.stopped",
            model=model.name,
            revision=model.revision,
            position=position,
            failure=str(failure),
            exc_info=failure.error,
        )


def _passes(error: asyncpg.PostgresError) -> bool:
    return (error.sqlstate or "XX")[:2] in _PASSING
