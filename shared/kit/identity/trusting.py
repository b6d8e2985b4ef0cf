"""Whose tokens a service takes, as its settings say: an issuer that is asked, or a file of keys."""

from __future__ import annotations

import contextlib
import random
from collections.abc import AsyncGenerator

import httpx

from shared.kit.clock import SystemClock
from shared.kit.identity.issuer import IssuerKeys, IssuerLimits
from shared.kit.identity.keys import FixedKeys, Keys
from shared.kit.identity.tokens import TokenVerifier
from shared.kit.observability.metrics import Metrics
from shared.kit.settings import ServiceSettings


@contextlib.asynccontextmanager
async def trusted_keys(
    settings: ServiceSettings, client: httpx.AsyncClient, metrics: Metrics
) -> AsyncGenerator[Keys]:
    """Give the issuer's keys, kept up to date meanwhile; nothing waits for the issuer here."""
    algorithms = settings.issuer_algorithms
    if settings.jwks_file is not None:
        yield FixedKeys(settings.jwks_file.read_text(encoding="utf-8"), algorithms)
        return
    keys = IssuerKeys(
        settings.issuer,
        client,
        metrics,
        random.SystemRandom(),
        algorithms=algorithms,
        limits=IssuerLimits(
            timeout_s=settings.issuer_timeout_s,
            document_bytes_max=settings.issuer_document_bytes_max,
            refresh_interval_s=settings.issuer_refresh_interval_s,
            refetch_interval_s=settings.issuer_refetch_interval_s,
            keys_age_s_max=settings.issuer_keys_age_max_s,
        ),
    )
    async with keys.kept():
        yield keys


def token_verifier(settings: ServiceSettings, keys: Keys) -> TokenVerifier:
    """Make what checks the tokens of a service's callers."""
    return TokenVerifier(
        issuer=settings.issuer,
        keys=keys,
        clock=SystemClock(),  # an issuer knows nothing of a site clock that was moved
        audience=settings.audience,
        algorithms=settings.issuer_algorithms,
        skew_s=settings.issuer_clock_skew_s,
    )
