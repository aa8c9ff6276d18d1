"""Bipartite graphs of layers, the wiring of a network, and its multipartite graph."""
