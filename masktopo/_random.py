"""Seeds: one keyword ``rng`` everywhere, and streams that are pure functions of (seed, key)."""

import secrets

import numpy as np

from masktopo.errors import ArgumentError

__all__ = ["Rng", "root_seed", "stream"]

Rng = int | np.integer | np.random.Generator | None


def root_seed(rng: Rng) -> int:
    """Return the integer that all streams of one run are derived from.

    An int stands for itself, a Generator gives its next 63 bits (and so advances), and None
    draws fresh entropy; the caller records what it got.

    Examples
    --------
    >>> root_seed(7)
    7
    """
    if rng is None:
        return secrets.randbits(63)
    if isinstance(rng, np.random.Generator):
        return int(rng.integers(2**63))
    if isinstance(rng, bool) or not isinstance(rng, int | np.integer):
        raise ArgumentError(f"rng must be an int, a numpy Generator or None, not {rng!r}")
    if rng < 0:
        raise ArgumentError(f"rng must not be negative, not {rng}")
    return int(rng)


def stream(seed: int, *key: int) -> np.random.Generator:
    """Return the random stream of `key` under `seed`, independent of every other key's.

    Examples
    --------
    >>> bool(stream(0, 3).random() == stream(0, 3).random())
    True
    """
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=key)))
