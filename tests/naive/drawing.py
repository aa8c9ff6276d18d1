"""How random networks are drawn: one block behind another, and again what does not run.

A builder takes a random generator and the shape of its input, batch axis included, and returns a
module, or None where it does not apply.
"""

import contextlib
import warnings

import torch

LARGEST = 160
"""Elements of a tensor: dense Jacobians have this many rows and columns at most."""


def choose(rng, options):
    return options[rng.integers(len(options))]


def several(rng, low, high, count):
    return tuple(int(number) for number in rng.integers(low, high + 1, count))


def run(module, shape):
    """Return the shape that a module makes of `shape`, or None where it does not run."""
    misfits = RuntimeError, IndexError, ValueError, ZeroDivisionError
    with contextlib.suppress(*misfits), warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # even kernels under padding="same"
        result = module.eval()(torch.zeros(shape))
        if 0 < result.numel() <= LARGEST and result.ndim >= 2 and len(result) == 1:
            return tuple(result.shape)
    return None


def block(rng, shape, builders):
    """Draw a builder until its block runs: the block, and the shape of its output."""
    while True:
        module = choose(rng, builders)(rng, shape)
        after = None if module is None else run(module, shape)
        if after is not None:
            return module, after


def chain(rng, shape, length, builders):
    """Draw blocks one behind another: the blocks, and the shape behind them."""
    blocks = []
    for _ in range(length):
        module, shape = block(rng, shape, builders)
        blocks.append(module)
    return blocks, shape
