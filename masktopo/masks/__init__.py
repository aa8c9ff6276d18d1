"""Masks of sparse layers: the records, and reading and writing them."""
