"""Garbage collection of stored values: the scan that finds unreferenced ones, and their removal."""
