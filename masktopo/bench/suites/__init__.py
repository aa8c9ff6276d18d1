"""The suites of the benchmark, one file each, and their registry."""
