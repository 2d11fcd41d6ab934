"""Inspect a raw table before anything is installed: only the standard library, so that the template's hooks can use it."""
