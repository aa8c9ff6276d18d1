"""The command `masktopo-bench`: times the kernels beside what a user would otherwise call."""
