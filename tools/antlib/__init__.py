"""Modules behind tools/ant."""
