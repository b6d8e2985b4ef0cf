"""Settings of a service: frozen, from the environment, the unit last in each name.

What a container mounts under `/run/secrets` is read, too: one file a setting, named like its
variable in small letters (`wishes_database_dsn`). The environment goes before the files.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, SecretStr, model_validator
from pydantic_settings import (
    BaseSettings,
    NestedSecretsSettingsSource,
    PydanticBaseSettingsSource,
    SecretsSettingsSource,
    SettingsConfigDict,
)

from shared.kit.identity.discovery import configuration_url
from shared.kit.identity.keys import ALLOWED, Algorithm


class ServiceSettings(BaseSettings):
    """What an operator sets; each service subclasses it with its own prefix (`WISHES_…`)."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", secrets_dir="/run/secrets")

    database_dsn: SecretStr = Field(description="the service's database, as its application role")
    owner_dsn: SecretStr = Field(
        default=SecretStr(""), description="the same database as its owner; `migrate` only"
    )
    keys_dsn: SecretStr = Field(description="the vault's key database, a cluster of its own")
    keys_owner_dsn: SecretStr = Field(
        default=SecretStr(""), description="the same as its owner; `migrate --create` only"
    )
    application_role: str = Field(default="cogov_app", description="the role of database_dsn")
    kafka_bootstrap: str = Field(description="brokers, host:port, separated by commas")
    topic_replication: int = Field(default=3, ge=1, le=9)

    http_host: str = "127.0.0.1"
    http_port: int = Field(default=0, ge=0, le=65535, description="0: any free port")
    operator_host: str = Field(default="127.0.0.1", description="no front door leads here")
    operator_port: int = Field(default=0, ge=0, le=65535, description="0: any free port")
    address: str = Field(default="", description="URL by which replicas reach this process")
    port_file: Path | None = Field(default=None, description="where to write the port, when ready")

    issuer: str = Field(description="the `iss` of tokens, and where it is asked for its keys")
    audience: str = Field(default="cogov", description="what the `aud` of tokens must name")
    jwks_file: Annotated[Path | None, BeforeValidator(lambda path: path or None)] = Field(
        default=None, description="the issuer's public keys; with it the issuer is not asked"
    )
    issuer_algorithms: frozenset[Algorithm] = Field(
        default=ALLOWED, min_length=1, description="accepted signatures, as a JSON list"
    )
    issuer_clock_skew_s: int = Field(default=30, ge=0, le=300, description="either way")
    issuer_refresh_interval_s: float = Field(default=300, gt=0, description="of the keys")
    issuer_refetch_interval_s: float = Field(
        default=10, gt=0, description="how often, at most, an unknown key makes the issuer asked"
    )
    issuer_keys_age_max_s: float = Field(
        default=24 * 3600, gt=0, description="so long known keys count while it does not answer"
    )
    issuer_timeout_s: float = Field(default=5, gt=0, le=60, description="of one fetch")
    issuer_document_bytes_max: int = Field(default=256 * 1024, ge=1024)

    authority_age_max_s: float = Field(
        default=24 * 3600, ge=1, description="how old what is heard of who may do what may be"
    )
    authority_fresh_age_max_s: float = Field(
        default=600, ge=1, description="the same for `fresh` actions"
    )

    rate_window_s: int = Field(default=10, ge=1, le=3600)
    rate_commands_max: int = Field(default=10_000, ge=1, description="per identity and window")
    rate_queries_max: int = Field(default=5_000, ge=1, description="per identity and window")
    rate_reveals_window_s: int = Field(default=60, ge=1, le=3600)
    rate_reveals_max: int = Field(default=300, ge=1, description="per identity and its window")
    rate_integration_subjects: frozenset[str] = Field(
        default=frozenset(), description="the `sub` of other systems, as a JSON list"
    )
    rate_integration_commands_max: int = Field(default=50_000, ge=1)
    rate_callers_max: int = Field(default=10_000, ge=1, description="windows kept in memory")

    internal_secret: SecretStr = Field(description="shared by the replicas of this service")
    names_url: str = Field(default="", description="the directory; empty: pseudonyms are shown")
    names_secret: SecretStr = Field(
        default=SecretStr(""), description="shared by the district's services, for asking names"
    )
    vault_master_key: SecretStr = Field(description="64 hexadecimal digits")
    vault_pepper: SecretStr = Field(description="64 hexadecimal digits; makes pseudonyms")
    fingerprint_secret: SecretStr = Field(description="64 hexadecimal digits")

    district: str = Field(description="the directory node of this deployment's district")

    attachments_url: str = Field(
        default="", description="file:///folder or s3://bucket/prefix; empty: no attachments"
    )
    attachments_s3_endpoint: str = Field(default="", description="empty: that of the region")
    attachments_s3_region: str = "us-east-1"
    attachments_s3_access_key: str = Field(default="", description="empty: from the surroundings")
    attachments_s3_secret_key: SecretStr = SecretStr("")
    attachments_timeout_s: float = Field(default=30.0, gt=0)
    attachment_bytes_max: int = Field(default=10 * 1024 * 1024, ge=1024)
    uploads_in_flight_max: int = Field(default=4, ge=1, description="each holds three files' bytes")
    site_clock_file: Path | None = Field(
        default=None, description="embedded only: seconds by which the site clock is moved"
    )
    sinks: dict[str, str] = Field(
        default_factory=dict[str, str],
        description="where effects go, by name: file:<folder>, or the URL of a webhook",
    )
    sink_secret: SecretStr = Field(
        default=SecretStr(""), description="64 hexadecimal digits; signs what webhooks are sent"
    )
    sink_timeout_s: float = Field(default=10.0, gt=0)

    lease_seconds: float = Field(default=6.0, ge=0.5, le=60)
    database_pool_size: int = Field(default=10, ge=2, le=100)
    statement_timeout_ms: int = Field(default=10_000, ge=100)
    writer_batch_events_max: int = Field(default=256, ge=1, le=2000)
    writer_queue_max: int = Field(default=4096, ge=1)
    writer_cache_streams_max: int = Field(default=50_000, ge=100)
    writer_give_up_after_s: float = Field(default=5.0, gt=0)
    command_deadline_s: float = Field(default=20.0, gt=0)
    http_in_flight_max: int = Field(default=1024, ge=1)
    http_body_bytes_max: int = Field(default=256 * 1024, ge=1024)
    relay_batch_events_max: int = Field(default=500, ge=1)
    relay_poll_interval_ms: int = Field(default=200, ge=1)
    relay_ack_timeout_s: float = Field(default=30.0, gt=0)
    heartbeat_interval_ms: int = Field(default=2000, ge=50)
    ingest_batch_records_max: int = Field(default=500, ge=1)
    ingest_poll_timeout_ms: int = Field(default=200, ge=1)
    states_page_events_max: int = Field(
        default=2000, ge=1, description="built at once for a new revision of a keyed view"
    )
    rules_page_events_max: int = Field(default=500, ge=1)
    rules_poll_interval_ms: int = Field(default=200, ge=1)
    rules_look_interval_ms: int = Field(
        default=20, ge=0, description="what comes meanwhile is looked at together"
    )
    timers_page_streams_max: int = Field(
        default=500, ge=1, description="derived again at once when a revision has changed"
    )
    timers_page_max: int = Field(default=256, ge=1)
    waiting_page_max: int = Field(default=100, ge=1)
    effect_attempts_max: int = Field(default=8, ge=1)
    project_batch_events_max: int = Field(default=2000, ge=1)
    project_poll_interval_ms: int = Field(default=200, ge=1)
    build_children_max: int = Field(default=2, ge=1, le=16, description="of one projector")
    build_here_events_max: int = Field(
        default=20_000, ge=0, description="shorter logs are built by the projector itself"
    )
    build_page_events_max: int = Field(default=10_000, ge=1)
    build_rows_cached_max: int = Field(default=50_000, ge=0)
    build_statement_timeout_ms: int = Field(default=600_000, ge=1000)
    search_batch_events_max: int = Field(default=500, ge=1)
    position_wait_s: float = Field(default=5.0, ge=0)
    trace_endpoint: str = Field(default="", description="OTLP/HTTP, whole URL; empty: no traces")
    trace_sample_ratio: float = Field(default=0.05, ge=0, le=1)
    trace_queue_spans_max: int = Field(default=4096, ge=1)
    trace_export_timeout_s: float = Field(default=5.0, gt=0)
    log_level: str = "INFO"
    release: str = Field(
        default="dev",
        pattern=r"^[\w.+-]{1,64}$",
        description="each release's projector keeps its own tables; also in metrics and traces",
    )

    @model_validator(mode="after")
    def _can_ask_the_issuer(self) -> Self:
        if self.jwks_file is None:
            configuration_url(self.issuer)
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the library's signature
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Let the folder of the files be missing, as it is outside containers."""
        assert isinstance(file_secret_settings, SecretsSettingsSource)
        files = NestedSecretsSettingsSource(
            file_secret_settings,
            secrets_dir_missing="ok",
            secrets_prefix=file_secret_settings.env_prefix,
        )
        return init_settings, env_settings, dotenv_settings, files
