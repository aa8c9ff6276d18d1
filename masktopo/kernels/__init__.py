"""Numba kernels: arrays and scalars in, arrays out. Each file is closed under calls."""
