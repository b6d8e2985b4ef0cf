"""docker-compose.yml keeps its promises, without a Docker that reads it."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from shared.cli.compose_settings import SECRETS, ComposeSettings
from shared.cli.local_settings import SERVICES
from shared.kit.settings import ServiceSettings

ROOT = Path(__file__).parents[2]
JOBS = {"topics", "cogov", *(f"{service}-migrate" for service in SERVICES)}
OWNERS = {"owner_dsn", "keys_owner_dsn"}


def read(name: str) -> dict[str, Any]:
    return yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))


COMPOSE = read("docker-compose.yml")
OVERRIDE = read("docker-compose.override.yml")
CONTAINERS: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: each for name, each in CONTAINERS.items() if each["image"].startswith("cogov")}
RUNNING = sorted(CONTAINERS.keys() - JOBS)


def variables(document: dict[str, Any]) -> dict[str, set[str]]:
    """Give what the environment may set, each with its defaults."""
    found: dict[str, set[str]] = {}
    for name, default in re.findall(r"\$\{(\w+)(?::-([^}]*))?\}", yaml.safe_dump(document)):
        found.setdefault(name, set()).add(default)
    return found


@pytest.mark.parametrize("name", RUNNING)
def test_what_runs_says_when_it_is_healthy_and_starts_again(name: str) -> None:
    assert CONTAINERS[name]["healthcheck"]["test"]
    assert "start_interval" not in CONTAINERS[name]["healthcheck"], "needs Engine 25"
    assert CONTAINERS[name]["restart"] == "unless-stopped"


@pytest.mark.parametrize("name", sorted(JOBS))
def test_a_job_runs_once(name: str) -> None:
    assert CONTAINERS[name]["restart"] == "no"
    assert "healthcheck" not in CONTAINERS[name]


@pytest.mark.parametrize("name", sorted(CONTAINERS))
def test_every_container_is_bounded(name: str) -> None:
    container = CONTAINERS[name]

    assert container["mem_limit"]
    assert container["pids_limit"]
    assert container["logging"]["options"] == {"max-size": "10m", "max-file": "5"}
    assert container["security_opt"] == ["no-new-privileges:true"]


@pytest.mark.parametrize("name", sorted(OURS))
def test_ours_are_read_only_and_have_no_capability(name: str) -> None:
    assert OURS[name]["read_only"] is True
    assert OURS[name]["cap_drop"] == ["ALL"]


@pytest.mark.parametrize("name", sorted(CONTAINERS))
def test_every_dependency_has_a_condition_that_can_come_true(name: str) -> None:
    for needed, how in CONTAINERS[name].get("depends_on", {}).items():
        expected = "service_completed_successfully" if needed in JOBS else "service_healthy"
        assert how == {"condition": expected}


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("role", ["", "-project"])
def test_a_service_starts_after_its_schema_and_the_topics(service: str, role: str) -> None:
    needs = CONTAINERS[f"{service}{role}"]["depends_on"]

    assert {"topics", f"{service}-migrate", "postgres", "postgres-keys"} == needs.keys()


def test_images_are_named_by_version() -> None:
    for name, container in CONTAINERS.items():
        tag = container["image"].partition(":")[2]
        assert tag, name
        assert "latest" not in tag, name


def test_the_front_door_is_the_only_published_port_and_stays_on_loopback() -> None:
    published = {name: each["ports"] for name, each in CONTAINERS.items() if "ports" in each}

    assert published == {
        "front-door": ["${COGOV_HTTP_ADDRESS:-127.0.0.1}:${COGOV_HTTP_PORT:-8080}:8080"]
    }


def test_the_override_opens_servers_on_loopback_only() -> None:
    published = [port for each in OVERRIDE["services"].values() for port in each.get("ports", ())]

    assert len(published) == 3
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_only_the_override_trusts_the_development_issuer() -> None:
    assert "development" not in yaml.safe_dump(COMPOSE)
    assert "jwks" not in yaml.safe_dump(COMPOSE).lower()
    assert "jwks.json" in yaml.safe_dump(OVERRIDE["configs"])


@pytest.mark.parametrize("name", sorted(OURS.keys() - {"front-door", "topics"}))
def test_the_override_gives_everyone_who_reads_tokens_its_keys(name: str) -> None:
    given = OVERRIDE["services"][name]
    prefixes = {key.partition("_")[0] for key in OURS[name]["environment"]}

    assert given["configs"] == [{"source": "jwks", "target": "/run/jwks.json"}]
    for prefix in prefixes:
        assert given["environment"][f"{prefix}_ISSUER"] == "urn:cogov:development"
        assert given["environment"][f"{prefix}_JWKS_FILE"] == "/run/jwks.json"


def test_the_front_door_cannot_reach_the_servers() -> None:
    assert CONTAINERS["front-door"]["networks"] == ["edge"]
    assert COMPOSE["networks"]["inside"] == {"internal": True}
    for server in ("postgres", "postgres-keys", "kafka"):
        assert CONTAINERS[server]["networks"] == ["inside"]


def test_kafka_makes_no_topic_by_itself() -> None:
    assert CONTAINERS["kafka"]["environment"]["KAFKA_AUTO_CREATE_TOPICS_ENABLE"] == "false"


@pytest.mark.parametrize("document", [COMPOSE, OVERRIDE], ids=["base", "override"])
def test_no_secret_stands_in_the_environment(document: dict[str, Any]) -> None:
    secret = re.compile("|".join([*SECRETS, "password$"]), re.IGNORECASE)
    for name, container in document["services"].items():
        for variable, value in container.get("environment", {}).items():
            assert not secret.search(variable), f"{name}: {variable}"
            assert not re.search(r"://[^/]*:[^/]*@", str(value)), f"{name}: {variable}"


def test_every_secret_is_a_file_of_the_drawn_ones() -> None:
    drawn = {f"{service}_{name}" for service in SERVICES for name in SECRETS}
    servers = {"postgres_password", "postgres_keys_password"}

    assert COMPOSE["secrets"] == {
        name: {"file": "${COGOV_COMPOSE_DIR:-.cogov/compose}/mounted/" + name}
        for name in drawn | servers
    }


@pytest.mark.parametrize("service", SERVICES)
def test_a_process_has_its_own_service_s_secrets_and_only_the_job_the_owners(service: str) -> None:
    own = {f"{service}_{name}" for name in SECRETS}
    owners = {f"{service}_{name}" for name in OWNERS}

    assert set(CONTAINERS[service]["secrets"]) == own - owners
    assert set(CONTAINERS[f"{service}-project"]["secrets"]) == own - owners
    assert set(CONTAINERS[f"{service}-migrate"]["secrets"]) == own


@pytest.mark.parametrize("service", SERVICES)
def test_every_required_setting_is_given_and_none_that_is_unknown(service: str) -> None:
    prefix = f"{service.upper()}_"
    given = {name.removeprefix(prefix).lower() for name in CONTAINERS[service]["environment"]} | {
        name.removeprefix(f"{service}_") for name in CONTAINERS[service]["secrets"]
    }
    fields = ServiceSettings.model_fields
    required = {name for name, field in fields.items() if field.is_required()}

    assert required <= given
    assert given <= fields.keys()


def test_the_command_line_knows_the_same_ports_and_district() -> None:
    known = {**variables(COMPOSE), **variables(OVERRIDE)}
    settings = ComposeSettings.model_fields

    for name, field in settings.items():
        assert known[f"COGOV_{name.upper()}"] == {str(field.default)}


def test_an_image_holds_only_what_is_named() -> None:
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    rules = [line for line in ignored if not line.startswith("#")]

    assert rules[0] == "*"
    assert {rule for rule in rules if rule.startswith("!")} == {
        "!deploy/docker/front-door",
        "!requirements.lock",
        "!services",
        "!shared",
    }


def test_the_images_run_as_nobody_in_particular_from_locked_wheels() -> None:
    text = (ROOT / "deploy/docker/Dockerfile").read_text(encoding="utf-8")

    assert re.findall(r"^USER (.*)$", text, re.MULTILINE) == ["10001:10001", "haproxy"]
    assert "--require-hashes --only-binary :all:" in text
    assert "requirements-dev" not in text
    for image in re.findall(r"^FROM (\S+)", text, re.MULTILINE):
        assert ":" in image
        assert not image.endswith(":latest")


def test_the_front_door_leads_to_public_paths_only() -> None:
    text = (ROOT / "deploy/docker/front-door/haproxy.cfg").read_text(encoding="utf-8")
    public = text.partition("frontend public")[2].partition("\nfrontend ")[0]

    ways = dict(re.findall(r"use_backend (\w+) if \{ path_beg (\S+) \}", public))
    assert ways == {service: f"/api/{service}/" for service in SERVICES}
    assert public.count("use_backend") == len(ways)
    assert "default_backend nowhere" in public
    assert "http-request del-header Cogov-Internal" in public
