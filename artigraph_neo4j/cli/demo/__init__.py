"""A real training study on real data, recorded and then asked about: ``make demo``."""
