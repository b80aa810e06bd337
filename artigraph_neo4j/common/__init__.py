"""Tools that know nothing of graphs, models or values."""
