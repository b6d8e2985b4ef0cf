"""Settings of wishes: the kit's, under WISHES_."""

from __future__ import annotations

from pydantic_settings import SettingsConfigDict

from shared.kit.settings import ServiceSettings


class Settings(ServiceSettings):
    """Read from the environment."""

    model_config = SettingsConfigDict(env_prefix="WISHES_", frozen=True, extra="ignore")
