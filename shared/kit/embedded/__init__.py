"""A real PostgreSQL and a real Apache Kafka as child processes, without Docker or installation.

For the demo, the tests and a developer's machine; production brings its own. The servers come
from the development dependencies (a PostgreSQL wheel, a JRE wheel, Kafka's published jars).
"""

from shared.kit.embedded.kafka import EmbeddedKafka
from shared.kit.embedded.postgres import EmbeddedPostgres
from shared.kit.embedded.site import Site, SiteBusy
from shared.kit.servers import ServerFault, Servers

__all__ = ["EmbeddedKafka", "EmbeddedPostgres", "ServerFault", "Servers", "Site", "SiteBusy"]
