"""Inspect a raw table before anything is installed: only the standard library, so that hooks can use it."""
