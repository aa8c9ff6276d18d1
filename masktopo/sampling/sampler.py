"""PAGS: draw many masks, score each as a graph, keep the best."""

from os import PathLike
from pathlib import Path
from typing import Any

import torch
from torch import nn

from masktopo._check import check_count
from masktopo._progress import shows_progress
from masktopo._random import Rng, root_seed
from masktopo.data.tensors import TensorData
from masktopo.errors import ArgumentError
from masktopo.masks.copying import copy_model
from masktopo.masks.maskset import MaskSet
from masktopo.pruning.batches import check_enough
from masktopo.pruning.collapse import warn_of_collapse
from masktopo.pruning.problem import Problem
from masktopo.pruning.prune import pruning_data
from masktopo.pruning.recipe import Recipe
from masktopo.pruning.reproducible import use_torch_threads
from masktopo.sampling.folder import (
    INITIAL_FILE,
    claim_folder,
    read_settings,
    read_state,
    write_state,
)
from masktopo.sampling.journal import Journal
from masktopo.sampling.pretrain import pretrained
from masktopo.sampling.result import PagsResult
from masktopo.sampling.run import run
from masktopo.sampling.scoring import Score, Scoring, check_reference, reference_values
from masktopo.sampling.settings import PagsSettings
from masktopo.training.config import TrainConfig
from masktopo.training.identity import state_digest

__all__ = ["pags"]


def pags(
    model: nn.Module,
    data: Any = None,
    *,
    method: str = "snip",
    density: float = 0.01,
    samples: int = 1000,
    batches: int = 20,
    batch_size: int = 128,
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
    test: Any = None,
    rng: Rng = 0,
    n_jobs: int = 1,
    torch_threads: int | None = None,
    out: str | PathLike[str] | None = None,
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
    method, density, scope, train_mode, rounds
        As for `masktopo.prune`.
    samples : int
        Masks to draw beside ticket 0.
    batches, batch_size : int
        Mini-batches of every sample, drawn without replacement, and their size.
    selection : {"layer", "network"}
        Whether every layer is chosen for itself, by `imdb` and `score`, or one whole mask by
        the mean `score` of its layers.
    score : str or callable
        ``"full_spectrum"``, a coordinate (``"ramanujan_gap"``, ``"weighted_spectral_gap"``,
        ``"imdb"``, ``"imsg"``), or a function of the candidate's
        `masktopo.metrics.spectral.Coordinates` that gives one float a layer. Higher is better.
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
        Seed; equal seeds give equal masks on one device, torch version and number of torch
        threads.
    n_jobs : int
        Threads that score the layers of a candidate; results do not depend on it.
    torch_threads : int or None
        Torch threads of the draws. None takes torch's present number, or in a resumed run the
        number that it began with.
    out : path or None
        Folder of the run. Candidates are appended as they come, so that a stopped run goes on
        when it is started again, and the result is saved there.
    progress : bool or None
        Whether to show a bar; None shows it on a terminal.

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
        If `out` holds a run of other settings, or a damaged file, or a winner that is drawn
        again is not the mask that was scored.

    Warns
    -----
    MasktopoWarning
        If a layer of the chosen masks is left without weights; it is named.

    Notes
    -----
    No masks are stored: winners are drawn again and their digests checked. Cost: `samples`
    times `batches` forward and backward passes, and the spectra of every candidate's layers.

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
    check_count("n_jobs", n_jobs)
    folder = None if out is None else Path(out)
    recorded = None if folder is None else read_settings(folder)
    threads = torch.get_num_threads() if recorded is None else recorded.torch_threads
    seen = pruning_data(data, test=test)
    settings = PagsSettings(
        recipe=Recipe(method, density, scope, batch_size, train_mode, rounds),
        samples=samples,
        batches=batches,
        selection=selection,
        ties=ties,
        score=Scoring(score).name,
        reference=reference if isinstance(reference, str) else f"masks {reference.digest}",
        exact_density=exact_density,
        noise=noise,
        pretrain_steps=pretrain_steps,
        pretrain=(pretrain or TrainConfig(batch_size=batch_size)) if pretrain_steps else None,
        seed=recorded.seed if rng is None and recorded is not None else root_seed(rng),
        torch_threads=threads if torch_threads is None else torch_threads,
        model=state_digest(model.state_dict()),
        data="none" if seen is None else seen.digest,
    )
    _check(model, settings, reference, seen)
    if folder is not None:
        claim_folder(folder, settings)
    shown = shows_progress(progress)
    with use_torch_threads(settings.torch_threads):
        problem = Problem(_start(model, settings, seen, folder), settings.recipe, seen)
        scorer = Scoring(score, reference_values(reference, problem.dense, threads=n_jobs), n_jobs)
        result = run(problem, settings, scorer, Journal(problem.size, folder), progress=shown)
    warn_of_collapse(result.masks, f"PAGS of {settings.recipe.origin}", stacklevel=2)
    if folder is not None:
        result.save(folder)
    return result


def _check(
    model: nn.Module,
    settings: PagsSettings,
    reference: str | MaskSet,
    data: TensorData | None,
) -> None:
    """Raise before anything is computed or written, where the run could not come to its end."""
    problem = Problem(model, settings.recipe, data)
    check_reference(reference, problem.dense)
    if settings.pretrain is not None and data is None:
        raise ArgumentError(f"pretrain_steps={settings.pretrain_steps} needs data")
    if data is not None and problem.method.needs_data:
        check_enough(data, settings.recipe.batch_size, settings.batches)


def _start(
    model: nn.Module, settings: PagsSettings, data: TensorData | None, folder: Path | None
) -> nn.Module:
    """Return the network at which masks are drawn: pretrained, where that is asked for."""
    if settings.pretrain is None or data is None:
        return model
    path = None if folder is None else folder / INITIAL_FILE
    if path is not None and path.exists():
        network = copy_model(model)
        network.load_state_dict(read_state(path))
        return network
    network = pretrained(
        model, data, settings.pretrain, steps=settings.pretrain_steps, seed=settings.seed
    )
    if path is not None:
        write_state(path, network.state_dict())
    return network
