"""Texts of statements; each module has the name of the module that sends them."""
