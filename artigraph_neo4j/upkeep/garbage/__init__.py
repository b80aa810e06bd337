"""Stored values that nothing refers to: the scan that finds them, and their collection."""
