"""Spans and artifacts of a running program, on their way into the graph and back."""
