"""Bytes of fields on their way to storages and back: made, hashed, stored once, checked."""
