"""Queries that find spans and artifacts by their properties, fields and places in the tree.

``find_spans`` and ``find_artifacts`` make queries from filters. Filters come from comparing
``F("field")``, the argument of a lambda over a model, or ``span`` and ``artifact``, which have the
attributes that every span and every artifact has::

    from artigraph_neo4j.find import F, artifact, span, tagged, under

    F("epochs") > 3
    span.status == "ERROR"
    artifact.label.startswith("model/") & under(run)
"""

from artigraph_neo4j.common.public import publish
from artigraph_neo4j.find.filters import Filter
from artigraph_neo4j.find.page import Explanation, Page
from artigraph_neo4j.find.queries import ArtifactQuery, SpanQuery, find_artifacts, find_spans
from artigraph_neo4j.find.query import Query
from artigraph_neo4j.find.table import Row, Table
from artigraph_neo4j.find.terms import (
    Attributes,
    F,
    above,
    artifact,
    contains,
    has_artifact,
    in_span,
    is_a,
    is_null,
    labeled,
    logged,
    not_,
    one_of,
    span,
    tagged,
    under,
)

__all__ = [
    "ArtifactQuery",
    "Attributes",
    "Explanation",
    "F",
    "Filter",
    "Page",
    "Query",
    "Row",
    "SpanQuery",
    "Table",
    "above",
    "artifact",
    "contains",
    "find_artifacts",
    "find_spans",
    "has_artifact",
    "in_span",
    "is_a",
    "is_null",
    "labeled",
    "logged",
    "not_",
    "one_of",
    "span",
    "tagged",
    "under",
]

publish(__name__, __all__, globals())
