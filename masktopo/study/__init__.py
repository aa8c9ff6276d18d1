"""Grids of runs, tables, topology-accuracy correlations and their plots."""
