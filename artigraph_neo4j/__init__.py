"""Typed, versioned artifacts and nested spans, kept as a graph in Neo4j.

The public names are those of ``__all__``, with those of ``artigraph_neo4j.errors``,
``artigraph_neo4j.find``, ``artigraph_neo4j.serializer``, ``artigraph_neo4j.storage``,
``artigraph_neo4j.sync`` and ``artigraph_neo4j.local``.
"""

from typing import TYPE_CHECKING

from artigraph_neo4j._version import __version__ as __version__

if TYPE_CHECKING:
    from artigraph_neo4j._public import *  # noqa: F403
    from artigraph_neo4j._public import __all__ as __all__
    from artigraph_neo4j.frameworks import autolog as autolog
    from artigraph_neo4j.frameworks import stop_autolog as stop_autolog
    from artigraph_neo4j.upstream import import_artigraph as import_artigraph
else:
    import sys

    from artigraph_neo4j.common.former import FormerModules, unknown_name

    sys.meta_path.append(FormerModules)  # asked last: by whoever imports what is not there

    # The driver of Neo4j imports pandas where it is installed, which takes half a second; so it is
    # imported when the first name is asked for, and "artigraph --help" does without it.

    def __getattr__(name):
        """Import the public names when the first one is asked for, and modules by themselves."""
        from importlib import import_module

        if name in ("autolog", "stop_autolog"):
            return getattr(import_module(f"{__name__}.frameworks"), name)
        modules = ("errors", "find", "frameworks", "gc", "local", "serializer", "storage", "sync")
        if name in (*modules, "upstream"):
            return import_module(f"{__name__}.{name}")
        if name.startswith("__") and name != "__all__":
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        public = import_module(f"{__name__}._public")
        if name == "import_artigraph":  # once in a graph's life, if ever
            return import_module(f"{__name__}.upstream").import_artigraph
        if name in public.__all__ or name == "__all__":
            globals().update({n: getattr(public, n) for n in public.__all__ if hasattr(public, n)})
            return globals().setdefault(name, getattr(public, name))
        raise unknown_name(name, public.__all__)

    def __dir__():
        return sorted({*globals(), *__getattr__("__all__")})
