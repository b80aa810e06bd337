"""Archives: files with everything below a span, to move, keep or analyse it elsewhere.

``export_graph`` writes JSON lines, which ``import_graph`` loads into a graph again, or Parquet
tables. The lines are described in ``docs/cli.md``.
"""

from artigraph_neo4j.exchange.archive.exporting import ExportReport, export_graph
from artigraph_neo4j.exchange.archive.importing import ImportReport, import_graph

__all__ = ["ExportReport", "ImportReport", "export_graph", "import_graph"]
