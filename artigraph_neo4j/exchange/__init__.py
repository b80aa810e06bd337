"""Other formats: archives of this library, and databases of Artigraph 0.0.x."""
