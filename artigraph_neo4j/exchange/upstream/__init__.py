"""Databases of Artigraph 0.0.x, read into a graph of this library."""
