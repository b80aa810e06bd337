"""A real training study on real data, recorded and then queried: ``make demo``."""
