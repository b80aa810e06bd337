"""Stored artifacts brought to the newest version of their model."""
