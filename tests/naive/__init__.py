"""Slow, obvious references: one a kernel, written from the definitions and nothing else."""
