"""A real Neo4j, with Neo4j Browser, and a real S3 on this machine: no Docker, no account.

All parts come from package registries: Neo4j Community (GPL-3.0) and Neo4j Browser as Maven
artifacts, a Java runtime and SeaweedFS as Python wheels. They run as separate server processes.
"""

from artigraph_neo4j.common.public import publish
from artigraph_neo4j.local.record import StackInfo
from artigraph_neo4j.local.stack import LocalStack, running_stack
from artigraph_neo4j.local.status import ServerStatus, StackStatus

__all__ = ["LocalStack", "ServerStatus", "StackInfo", "StackStatus", "running_stack"]

publish(__name__, __all__, globals())
