"""Archives: files with everything below a span, to move, keep or analyse it elsewhere.

``export_graph`` writes JSON lines, which ``import_graph`` loads into a graph again, or Parquet
tables; ``export_tables`` writes such tables of the whole graph. The lines are described in
``docs/cli.md``.
"""

from artigraph_neo4j.exchange.archive.exporting import ExportReport, export_graph
from artigraph_neo4j.exchange.archive.importing import ImportReport, import_graph
from artigraph_neo4j.exchange.archive.tables import export_tables

__all__ = ["ExportReport", "ImportReport", "export_graph", "export_tables", "import_graph"]
