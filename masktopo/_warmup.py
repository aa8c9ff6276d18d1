"""Compiling every kernel once, so that the first real call does not wait for it."""

import numpy as np
from tqdm import tqdm

from masktopo._progress import shows_progress

__all__ = ["warmup"]


def warmup(*, progress: bool | None = None) -> None:
    """Compile every kernel for the usual types and keep the result in numba's cache.

    Parameters
    ----------
    progress : bool, optional
        Whether to show a progress bar; by default where standard error is a terminal.

    Notes
    -----
    Takes seconds to about a minute the first time on a machine, and a fraction of a second
    later. Nothing has to be warmed up: kernels compile when they are first used.
    """
    from masktopo import LayerMask, MaskSet, analyze, null_scores

    rng = np.random.default_rng(0)
    cases = [(encoding, weights) for encoding in ("rolled", "channel") for weights in (False, True)]
    hidden = not shows_progress(progress)
    for encoding, weighted in tqdm(cases, desc="compiling kernels", disable=hidden):
        layers = []
        for name, shape, kind in (("conv", (80, 72, 3, 3), "conv2d"), ("fc", (70, 80), "linear")):
            mask = rng.random(shape) < 0.3
            weight = rng.standard_normal(shape).astype(np.float32) if weighted else None
            layers.append(LayerMask(name, mask, weight, kind))
        masks = MaskSet(layers)
        analyze(masks, encoding=encoding)
        for against in ("shuffle", "degree"):
            null_scores(masks, against=against, metrics="density", n=1, progress=False)
