"""Pruning at initialisation as graph sampling (PAGS)."""
