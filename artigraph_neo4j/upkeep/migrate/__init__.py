"""Migration of stored artifacts to the newest version of their model."""
