"""Import of databases of Artigraph 0.0.x into a graph of this library."""
