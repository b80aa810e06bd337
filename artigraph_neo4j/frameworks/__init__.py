"""Frameworks of machine learning whose training is recorded by itself: ``autolog``."""

from artigraph_neo4j.common.public import publish
from artigraph_neo4j.frameworks.switch import autolog, stop_autolog
from artigraph_neo4j.frameworks.training import DataFingerprint, FittedModel, Training

__all__ = ["DataFingerprint", "FittedModel", "Training", "autolog", "stop_autolog"]

publish(__name__, __all__, globals())
