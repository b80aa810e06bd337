"""The policy of the study, for ``artigraph check artigraph_neo4j.cli.demo.policies``."""

from __future__ import annotations

from artigraph_neo4j import Policy

__all__ = ["PRODUCTION", "WITHDRAWN", "policy"]

PRODUCTION = "in production"
"""The tag of the models in use."""

WITHDRAWN = "withdrawn"
"""The tag of tables that turned out to be wrong."""

policy = Policy("nothing withdrawn in production", start=PRODUCTION, source=WITHDRAWN).register()
