"""The lottery ticket: train, prune the smallest weights, rewind, and again."""

from math import ceil, log
from os import PathLike
from pathlib import Path
from typing import Any

from torch import nn
from tqdm import tqdm

from masktopo._check import check_count, check_density
from masktopo._files import remove_temporaries
from masktopo._random import Rng
from masktopo.errors import ArgumentError, RunError
from masktopo.pruning.budget import kept_count
from masktopo.training.checkpoint import copied
from masktopo.training.largest import largest_weights
from masktopo.training.loop import AfterStep
from masktopo.training.result import TrainingResult, read_weights
from masktopo.training.search import DENSE, Search
from masktopo.training.tensor_file import write_tensors
from masktopo.training.ticket import State, Ticket

__all__ = ["lottery_ticket", "round_densities"]


def lottery_ticket(
    model: nn.Module,
    data: Any,
    *,
    density: float | None = None,
    rounds: int | None = None,
    rate: float = 0.2,
    rewind_steps: int = 0,
    test: Any = None,
    rng: Rng = 0,
    out: str | PathLike[str] | None = None,
    progress: bool = False,
    **same: Any,
) -> Ticket:
    """Find a lottery ticket by iterative magnitude pruning.

    The dense network is trained; then, in every round, the smallest of the weights kept so far
    (all layers together) are pruned, the others are set back to what they were at the start or
    after `rewind_steps` steps, and the network is trained again under the whole schedule.

    Parameters
    ----------
    model : torch.nn.Module
        The network at its initialisation; it is not changed.
    data, test
        As in `masktopo.train`.
    density : float, optional
        Share of the weights that the ticket keeps.
    rounds : int, optional
        Rounds of pruning, ``R``; by default as many as it takes to come to `density` at `rate`.
    rate : float
        Share of the kept weights that a round prunes, where `density` and `rounds` do not both
        say so: 20 % in the paper.
    rewind_steps : int
        Steps of the dense training after which the weights to come back to are taken: 0 for the
        initialisation, some hundreds for large networks.
    rng : int, Generator or None
        Seed of all runs; see `masktopo.train`.
    out : path, optional
        Folder with a run's folder for every round, ``dense``, ``round-01``, ``round-02``, ...;
        with the weights that were rewound to, ``initial-STEP.pt``; and at the end with
        ``ticket.masks`` and ``rounds.csv``. Finished rounds are read, a stopped one goes on.
    progress : bool
        Whether to show a bar of the rounds, and one of the epochs of each.
    **same
        Further keywords of `masktopo.train` for all rounds: ``epochs``, ``device``, ``config``,
        fields of it.

    Returns
    -------
    Ticket
        Masks, the rewound weights, and a `TrainingResult` a round, the dense one first.

    Raises
    ------
    ArgumentError
        If neither `density` nor `rounds` is given, one is out of its range, or `rewind_steps`
        are more than the training has.
    RunError
        If `out` belongs to another search.

    Examples
    --------
    >>> import masktopo
    >>> from masktopo.networks import build_network
    >>> model = build_network("mlp", input_shape=(1, 8, 8), n_classes=10)
    >>> ticket = masktopo.lottery_ticket(model, "digits", density=0.25, rounds=2, epochs=1)
    >>> ticket.table["density"].tolist(), len(ticket.results)
    ([1.0, 0.5, 0.25], 3)

    Notes
    -----
    Round ``r`` of ``R`` keeps exactly ``round(density ** (r / R) * N)`` of the ``N`` weights of
    linear layers and convolutions, so every round prunes the same share. Ranked are the weights
    of the best validation epoch; of equal ones the earlier stays. Cost: ``R + 1`` trainings.

    References
    ----------
    J. Frankle, M. Carbin, *The Lottery Ticket Hypothesis*, ICLR 2019. J. Frankle et al., *Linear
    Mode Connectivity and the Lottery Ticket Hypothesis*, ICML 2020, for rewinding to an early
    step; there the schedule goes on from that step, here it starts anew.
    """
    search = Search(model, data, test, rng, None if out is None else Path(out), progress, same)
    counts = [kept_count(share, search.size) for share in round_densities(density, rounds, rate)]
    _check_steps(search, rewind_steps)
    masks, results = search.dense, list[TrainingResult]()
    with tqdm(total=len(counts) + 1, unit="round", disable=not progress) as bar:
        dense, initial = _dense_round(search, rewind_steps)
        results.append(dense)
        bar.update()
        for place, count in enumerate(counts, start=1):
            origin = f"lottery ticket, round {place} of {len(counts)}"
            masks = largest_weights(masks, results[-1].state_dict, count, origin=origin)
            results.append(search.run(f"round-{place:02d}", masks, initial=initial))
            bar.set_postfix(nnz=f"{masks.nnz:,}", test=f"{results[-1].test_accuracy:.3f}")
            bar.update()
    return search.ticket(masks, initial, results)


def round_densities(density: float | None, rounds: int | None, rate: float = 0.2) -> list[float]:
    """Return the density after every round of pruning.

    Parameters are those of `lottery_ticket`.

    Examples
    --------
    >>> [round(share, 4) for share in round_densities(None, 3)]
    [0.8, 0.64, 0.512]
    >>> round_densities(0.25, 2)
    [0.5, 0.25]
    >>> len(round_densities(0.01, None))
    21
    """
    if not 0 < rate < 1:
        raise ArgumentError(f"rate must lie between 0 and 1, not {rate!r} (0.2 prunes 20 %)")
    if rounds is not None:
        check_count("rounds", rounds)
    if density is not None:
        check_density(density)
        # What rounding errors add is no round.
        count = rounds or max(ceil(log(density) / log(1 - rate) - 1e-9), 1)
        return [float(density ** (place / count)) for place in range(1, count + 1)]
    if rounds is None:
        raise ArgumentError("a lottery ticket needs a density or a number of rounds")
    return [(1 - rate) ** place for place in range(1, rounds + 1)]


def _check_steps(search: Search, rewind_steps: int) -> None:
    """Raise unless the training reaches the step to rewind to."""
    check_count("rewind_steps", rewind_steps, least=0)
    config = search.config
    steps = config.epochs * search.steps_per_epoch
    if rewind_steps > steps:
        raise ArgumentError(
            f"rewind_steps={rewind_steps}, but {config.epochs} epochs of batches of "
            f"{config.batch_size} have only {steps} steps"
        )


def _dense_round(search: Search, rewind_steps: int) -> tuple[TrainingResult, State]:
    """Train the dense network; its result, and the weights to come back to."""
    path = None if search.folder is None else search.folder / f"initial-{rewind_steps:08d}.pt"
    taken: State = {}
    if path is not None:
        remove_temporaries(path.parent, [path.name])
    result = search.run(DENSE, None, after_step=_keeper(rewind_steps, taken, path))
    if rewind_steps == 0:
        taken = search.start
        if path is not None:
            write_tensors(taken, path)
    if taken:
        return result, taken
    assert path is not None  # only a run with a folder can have passed the step before
    if not path.exists():
        raise RunError(
            f"{path} is missing, and {path.parent / DENSE} has passed step "
            f"{rewind_steps} already; choose another folder"
        )
    return result, read_weights(path)


def _keeper(step: int, taken: State, path: Path | None) -> AfterStep:
    """Return what keeps the weights after `step`: in `taken`, and in a file where there is one."""

    def keep(network: nn.Module, count: int) -> None:
        if count == step:
            taken.update(copied(network.state_dict()))
            if path is not None:
                write_tensors(taken, path)

    return keep
