"""Text of statements; each module bears the name of the module that sends it."""
