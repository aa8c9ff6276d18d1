"""Compiling every kernel once, so that the first real call does not wait for it."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from tqdm import tqdm

from masktopo._progress import shows_progress

if TYPE_CHECKING:
    from masktopo.masks.maskset import MaskSet

__all__ = ["warmup"]


def warmup(*, progress: bool | None = None) -> None:
    """Compile every kernel for the usual types and keep the result in numba's cache.

    Parameters
    ----------
    progress : bool, optional
        Whether to show a progress bar; by default where standard error is a terminal.

    Notes
    -----
    Takes one to two minutes the first time on a machine, and seconds later. Nothing has to be
    warmed up: kernels compile when they are first used.
    """
    steps = [*_of_layers(), *_of_networks()]
    for step in tqdm(steps, desc="compiling kernels", disable=not shows_progress(progress)):
        step()


def _of_layers() -> Iterator[Callable[[], Any]]:
    """Analyse layers, with and without weights, in both encodings, beside null models."""
    from masktopo.analysis import analyze
    from masktopo.metrics.nulls import null_scores

    for encoding in ("rolled", "channel"):
        for weighted in (False, True):
            shapes = {"sparse": (80, 72, 3, 3), "hardly": (70, 80)}
            masks = _masks(shapes, {"sparse": 0.1, "hardly": 0.3}, weighted=weighted)
            yield partial(analyze, masks, encoding=encoding)
            for against in ("shuffle", "degree"):
                yield partial(
                    null_scores, masks, against=against, metrics="density", n=1, progress=False
                )
    # Hardly sparse, and large enough to be left as it is.
    large = _masks({"fc": (1100, 1100)}, {"fc": 0.9}, weighted=True)
    yield partial(analyze, large, metrics="spectral")
    small = _masks({"fc": (3, 4)}, {"fc": 0.7}, weighted=True)
    yield partial(analyze, small, metrics="expansion")
    yield partial(analyze, large, metrics="mu_0", certify=True)


def _of_networks() -> Iterator[Callable[[], Any]]:
    """Analyse a network end to end, its edges listed or not, and prune along its paths."""
    import torch
    from torch import nn

    from masktopo.graphs.build import multipartite
    from masktopo.metrics.paths import path_metrics
    from masktopo.pruning.prune import prune

    model = nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1), nn.ReLU(), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(36, 3)
    )
    image = torch.zeros(1, 2, 6, 6)
    data = torch.zeros(20, 2, 6, 6), torch.arange(20) % 3
    for method in ("phew", "npb"):
        yield partial(prune, model, data, method=method, density=0.5)

    def measured(representation: str) -> None:
        masks = prune(model, method="magnitude", density=0.5)
        graph = multipartite(
            masks,
            model=model,
            example_input=image,
            encoding="unrolled",
            representation=representation,
        )
        path_metrics(graph)

    yield partial(measured, "explicit")
    yield partial(measured, "matrix-free")


def _masks(
    shapes: dict[str, tuple[int, ...]], densities: dict[str, float], *, weighted: bool
) -> "MaskSet":
    """Draw the masks of some layers."""
    from masktopo.masks.layer import LayerMask
    from masktopo.masks.maskset import MaskSet

    rng = np.random.default_rng(0)
    return MaskSet(
        LayerMask(
            name,
            rng.random(shape) < densities[name],
            rng.standard_normal(shape).astype(np.float32) if weighted else None,
            "linear" if len(shape) == 2 else "conv2d",
        )
        for name, shape in shapes.items()
    )
