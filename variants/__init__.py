"""Variants: one file is one family of rows."""
