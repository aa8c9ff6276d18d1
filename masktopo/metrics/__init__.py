"""The meaning of each number: metric families over graphs, and their registry."""
