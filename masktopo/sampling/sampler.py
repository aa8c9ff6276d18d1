"""PAGS: draw many masks, score each as a graph, keep the best."""

from collections.abc import Collection
from os import PathLike
from pathlib import Path
from typing import Any

from torch import nn

from masktopo._check import check_count
from masktopo._random import Rng
from masktopo.errors import ArgumentError
from masktopo.masks.maskset import MaskSet
from masktopo.pruning.collapse import warn_of_collapse
from masktopo.sampling.draws import draw_candidates
from masktopo.sampling.opening import opened
from masktopo.sampling.options import PagsOptions
from masktopo.sampling.result import PagsResult
from masktopo.sampling.run import run, take_ticket
from masktopo.sampling.scoring import Score
from masktopo.training.config import TrainConfig

__all__ = ["pags", "pags_shard"]


def pags(
    model: nn.Module,
    data: Any = None,
    *,
    method: str = "snip",
    density: float = 0.01,
    samples: int = 1000,
    batches: int = 20,
    batch_size: int = 128,
    pool: int | None = None,
    selection: str = "layer",
    score: Score = "full_spectrum",
    reference: str | MaskSet = "origin",
    exact_density: bool = True,
    ties: str = "first",
    noise: float | str = 1e-3,
    pretrain_steps: int = 0,
    pretrain: TrainConfig | None = None,
    scope: str = "global",
    train_mode: bool = False,
    rounds: int | None = None,
    shuffle: bool = False,
    keep_dense: str | Collection[str] = (),
    test: Any = None,
    rng: Rng = 0,
    n_jobs: int = 1,
    torch_threads: int | None = None,
    out: str | PathLike[str] | None = None,
    merge: bool = False,
    progress: bool | None = None,
) -> PagsResult:
    """Sample masks by pruning at initialisation, and keep the layers or the mask best as graphs.

    Ticket 0 is what `masktopo.prune` gives from all of the data. Every sample is the mask of
    the same method from a few mini-batches, or from noisy scores where the method sees no data.
    Each is judged by the full-spectrum coordinates of its layers.

    Parameters
    ----------
    model : torch.nn.Module
        The dense network. It is not changed.
    data : data set, pair of arrays, specification or None
        As for `masktopo.train`; its training set less its validation part is used.
    method, density, scope, train_mode, rounds, shuffle, keep_dense
        As for `masktopo.prune`.
    samples : int
        Masks to draw beside ticket 0.
    batches, batch_size : int
        Mini-batches of every sample, drawn without replacement, and their size.
    pool : int or None
        Batches that are drawn once for the whole run, and that every sample draws its own among,
        without replacement; None draws from all of the data every time. Their gradients are taken
        once, so that a sample of ``"snip"`` costs no pass over data. Methods that go on to look at
        the network (the Hessian of ``"grasp"``, later rounds of ``"snip-iterative"``) take only
        their first gradients from it.
    selection : {"layer", "network"}
        Whether every layer is chosen for itself, by `imdb` and `score`, or one whole mask by
        the mean `score` of its layers.
    score : str or callable
        ``"full_spectrum"``, any other metric that `masktopo.analyze` knows and that is a number
        (with ``selection="network"`` also one of the network as a whole), or a function of the
        candidate's `masktopo.metrics.spectral.Coordinates` that gives one float a layer. Higher
        is better. Of other scores than `full_spectrum` and the coordinates, nan is the lowest.
    reference : {"origin", "dense"} or MaskSet
        Where `full_spectrum` is measured from: the origin, the dense network's coordinates, or
        those of another mask, with the network's own weights.
    exact_density : bool
        Whether a mask that mixes layers of several samples is brought back to exactly
        ``round(density * n)`` weights, by ticket 0's scores.
    ties : {"first", "published"}
        Whether a layer that equals the best so far leaves it in place, or takes its place.
    noise : float or "weights"
        As for `masktopo.prune`, in the samples of methods without data; ticket 0 has none.
    pretrain_steps : int
        Mini-batches that the dense network is trained for at first (PAGS23's best: 500).
    pretrain : TrainConfig or None
        The protocol of that; by default that of `masktopo.train`.
    test : data set, optional
        As for `masktopo.train`: without one, a fifth of `data` is held out as its test set.
    rng : int, Generator or None
        Seed; equal seeds give equal masks on one type of device, torch version and number of
        torch threads.
    n_jobs : int
        Processes that draw and score, through joblib: of this machine, or of a cluster under
        ``joblib.parallel_config(backend="dask")``. Results do not depend on it. With 1, all is
        done in this process, on a GPU with a thread that scores beside it.
    torch_threads : int or None
        Torch threads of every draw, on which the last digits of gradients depend. None takes 1,
        so that results do not depend on the number of cores, which `n_jobs` is for; or in a
        resumed run the number that it began with.
    out : path or None
        Folder of the run. Candidates are appended as they come, so that a stopped run goes on
        when it is started again, and the result is saved there.
    merge : bool
        Draw no further sample: `out` must hold all, as `pags_shard` left them.
    progress : bool or None
        Whether to show bars, with what a pool takes of memory; None shows them on a terminal.

    Returns
    -------
    PagsResult

    Raises
    ------
    ArgumentError
        If an argument is out of its range, or the method needs data and there is none.
    PruningError
        As for `masktopo.prune`; also if the data has fewer samples than `batches` need.
    RunError
        If `out` holds a run of other settings, or candidates of one, or a damaged file, lacks
        samples to be merged, or a winner that is drawn again is not the mask that was scored; if a
        worker is killed.

    Warns
    -----
    MasktopoWarning
        If a layer of the chosen masks is left without weights; it is named.

    Notes
    -----
    No masks are stored or sent, but what a GPU draws: winners are drawn again and their digests
    checked. Cost: `samples` times `batches` forward and backward passes, or `pool` of them, and
    the spectra of every candidate's layers. Memory: `pool` times the bytes of the weights; above
    1 GB, or for several processes, they are mapped from a file in `out`.

    Examples
    --------
    >>> from masktopo.networks import build_network
    >>> model = build_network("mlp", input_shape=(1, 8, 8), n_classes=10)
    >>> result = pags(model, "digits", density=0.1, samples=4, batches=2, batch_size=64)
    >>> result.masks.nnz, result.ticket.nnz
    (2586, 2586)

    References
    ----------
    D. Hoang, S. Kundu, S. Liu, Z. Wang, *Don't just prune by magnitude! Your mask topology is a
    secret weapon*, NeurIPS 2023, algorithm 1.
    """
    if merge and out is None:
        raise ArgumentError("merge=True needs out, the folder of the run")
    options = PagsOptions(
        method=method,
        density=density,
        samples=samples,
        batches=batches,
        batch_size=batch_size,
        pool=pool,
        selection=selection,
        score=score,
        reference=reference,
        exact_density=exact_density,
        ties=ties,
        noise=noise,
        pretrain_steps=pretrain_steps,
        pretrain=pretrain,
        scope=scope,
        train_mode=train_mode,
        rounds=rounds,
        shuffle=shuffle,
        keep_dense=keep_dense,
        test=test,
        rng=rng,
        torch_threads=torch_threads,
    )
    folder = None if out is None else Path(out)
    with opened(
        model, data, options, folder, n_jobs=n_jobs, progress=progress, merge=merge
    ) as begun:
        result = run(begun.work, begun.journal, n_jobs=n_jobs, progress=begun.shown)
    warn_of_collapse(result.masks, f"PAGS of {result.settings.recipe.origin}", stacklevel=2)
    if folder is not None:
        result.save(folder)
    return result


def pags_shard(
    model: nn.Module,
    data: Any = None,
    *,
    shard: tuple[int, int],
    out: str | PathLike[str],
    n_jobs: int = 1,
    progress: bool | None = None,
    **options: Any,
) -> int:
    """Draw and score one part of the samples of a run, for batch queues.

    When all shards are done, `pags` with ``merge=True`` selects among their samples. Shards may
    share a folder, and run at the same time; or each has one of its own, and their
    ``candidates-*.jsonl`` and ``explored-*.npy`` (from a GPU also ``masks/``) are brought together.

    Parameters
    ----------
    model, data, n_jobs, progress
        As for `pags`.
    shard : (int, int)
        Which shard of how many, from 1.
    out : path
        The folder. A shard that was stopped goes on when it is started again.
    **options
        Further keywords of `pags`, the same for all shards and for the merging.

    Returns
    -------
    int
        How many samples of the run, ticket 0 included, are in the folder now.

    Raises
    ------
    ArgumentError, PruningError, RunError
        As for `pags`.

    Examples
    --------
    >>> import tempfile
    >>> from masktopo.networks import build_network
    >>> model = build_network("mlp", input_shape=(1, 8, 8), n_classes=10)
    >>> options = {"density": 0.1, "samples": 4, "batches": 2, "torch_threads": 1}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for place in (1, 2):
    ...         _ = pags_shard(model, "digits", shard=(place, 2), out=folder, **options)
    ...     merged = pags(model, "digits", merge=True, out=folder, **options)
    >>> merged.masks == pags(model, "digits", **options).masks
    True
    """
    place, count = _checked_shard(shard)
    wanted = PagsOptions(**options)
    part = f"-{place}-of-{count}"
    with opened(
        model, data, wanted, Path(out), n_jobs=n_jobs, progress=progress, shard=part
    ) as begun:
        indices = range(place - 1, begun.work.settings.samples + 1, count)
        if 0 in indices:
            take_ticket(begun.work, begun.journal)
        draw_candidates(begun.work, begun.journal, indices, n_jobs=n_jobs, progress=begun.shown)
        return len(begun.journal.candidates)


def _checked_shard(shard: object) -> tuple[int, int]:
    if not isinstance(shard, tuple | list) or len(shard) != 2:
        raise ArgumentError(f"shard must be two integers like (2, 8), not {shard!r}")
    place, count = shard
    check_count("shard", place)
    check_count("shard", count)
    if place > count:
        raise ArgumentError(f"shard {place} of {count} is none of 1 to {count}")
    return int(place), int(count)
