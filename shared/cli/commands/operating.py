"""What an operator or a developer does around the services."""

from __future__ import annotations

import asyncio
import runpy
from typing import Annotated

import typer

from shared.cli.commands.options import ROOT, AsJson, Root
from shared.cli.commands.printing import print_json
from shared.cli.connections import settings_of

topics_app = typer.Typer(help="Kafka topics as they are declared in code.", no_args_is_help=True)


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("bootstrap")(_bootstrap)
    app.command("token")(_token)
    app.command("schemas")(_schemas)
    app.command("compose-secrets")(_compose_secrets)
    topics_app.command("create")(_create_topics)
    topics_app.command("describe")(_describe_topics)
    app.add_typer(topics_app, name="topics")


def _bootstrap(
    issuer: Annotated[str, typer.Option(metavar="ISSUER", help="The `iss` of the login's tokens.")],
    subject: Annotated[str, typer.Option(metavar="SUBJECT", help="The `sub` of its tokens.")],
    name: Annotated[
        str, typer.Option(metavar="NAME", help="The district's name, where it is new.")
    ] = "District",
    site: Root = ROOT,
) -> None:
    """Write the first district administrator to an empty directory; works once."""
    from shared.cli.bootstrap import bootstrap  # noqa: PLC0415 - slow to import

    settings = settings_of("deliberation", site)
    done = asyncio.run(bootstrap(settings, issuer=issuer, subject=subject, name=name))
    print("nothing changed" if done.replayed else f"{settings.district} has an administrator")
    print(f"resident {done.resident}")


def _token(
    subject: Annotated[str, typer.Argument(metavar="SUBJECT", help="Whom the token names.")],
    hours: Annotated[int, typer.Option(min=1, max=24 * 30, help="How long it holds.")] = 24,
    site: Root = ROOT,
) -> None:
    """Print a token of the development issuer of a local district."""
    from shared.cli.local_settings import Places, issue_token  # noqa: PLC0415 - likewise
    from shared.kit.clock import SystemClock  # noqa: PLC0415 - likewise

    if not subject.isalnum():
        raise typer.BadParameter(f"a subject has letters and digits only: {subject}")
    print(issue_token(Places(site), SystemClock(), subject, ttl_s=hours * 3600))


def _compose_secrets(site: Root = ROOT) -> None:
    """Draw the secrets that docker-compose.yml mounts, where they are missing.

    They lie under compose in the folder of the site; name that folder to other commands as --site.
    """
    from shared.cli import compose_settings as compose  # noqa: PLC0415 - likewise
    from shared.kit.clock import SystemClock  # noqa: PLC0415 - likewise

    places = compose.compose_places(site)
    compose.write_compose_files(places, compose.ComposeSettings(), SystemClock())
    print(f"{places.root} has them")


def _schemas() -> None:
    """Write the JSON Schemas of the published events."""
    runpy.run_module("shared.contracts.schemas", run_name="__main__")


def _create_topics(
    bootstrap: Annotated[
        str, typer.Option(metavar="BROKERS", help="host:port,… instead of the settings.")
    ] = "",
    replication: Annotated[
        int, typer.Option(min=0, max=9, help="Replicas a partition; 0: as the settings say.")
    ] = 0,
    site: Root = ROOT,
) -> None:
    """Make the declared topics that are missing."""
    from shared.cli.topics import create_topics  # noqa: PLC0415 - likewise

    if not (bootstrap and replication):
        settings = settings_of("wishes", site)
        bootstrap = bootstrap or settings.kafka_bootstrap
        replication = replication or settings.topic_replication
    made = asyncio.run(create_topics(bootstrap, replication=replication))
    print("\n".join(f"made {name}" for name in made) or "nothing changed")


def _describe_topics(*, site: Root = ROOT, as_json: AsJson = False) -> int:
    """Compare the topics with their declaration; exit code 1 when they differ."""
    from dataclasses import asdict  # noqa: PLC0415 - likewise

    from shared.cli.tables import console, table  # noqa: PLC0415 - likewise
    from shared.cli.topics import describe_topics  # noqa: PLC0415 - likewise

    found = asyncio.run(describe_topics(settings_of("wishes", site).kafka_bootstrap))
    if as_json:
        print_json([asdict(each) for each in found])
    else:
        columns = ("topic", "declared partitions", "partitions", "generation", "retention days")
        rows = [
            (each.name, each.declared, each.partitions, each.generation, each.retention_days)
            for each in found
        ]
        console().print(table("topics", columns, rows))
    return 0 if all(each.declared == each.partitions for each in found) else 1
