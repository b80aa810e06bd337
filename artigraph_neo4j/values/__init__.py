"""Transfer of field values to storages and back: serialized, hashed, stored once, checked."""
