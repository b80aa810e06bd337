"""A real Neo4j, with Neo4j Browser, and a real S3 on this machine: no Docker, no account.

All of it comes from package registries by name: Neo4j Community (GPL-3.0) and Neo4j Browser as
Maven artifacts, a Java runtime and SeaweedFS as Python wheels. They run as servers of their own.
"""

from artigraph_neo4j.common.public import publish
from artigraph_neo4j.local.record import StackInfo
from artigraph_neo4j.local.stack import LocalStack, running_stack
from artigraph_neo4j.local.status import ServerStatus, StackStatus

__all__ = ["LocalStack", "ServerStatus", "StackInfo", "StackStatus", "running_stack"]

publish(__name__, __all__, globals())
