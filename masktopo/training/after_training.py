"""Pruning after training: train, prune the smallest weights once, train again."""

from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

from torch import nn

from masktopo._check import check_choice
from masktopo._random import Rng
from masktopo.pruning.budget import kept_count
from masktopo.training.largest import largest_weights
from masktopo.training.search import DENSE, Search
from masktopo.training.ticket import Ticket

__all__ = ["prune_after_training"]

STARTS = ("trained", "initial")


def prune_after_training(
    model: nn.Module,
    data: Any,
    *,
    density: float,
    start: str = "trained",
    again: Mapping[str, Any] | None = None,
    test: Any = None,
    rng: Rng = 0,
    out: str | PathLike[str] | None = None,
    progress: bool = False,
    **same: Any,
) -> Ticket:
    """Train the dense network, keep its largest weights, and train these again.

    Parameters
    ----------
    model : torch.nn.Module
        The network at its initialisation; it is not changed.
    data, test
        As in `masktopo.train`.
    density : float
        Share of the weights of linear layers and convolutions that is kept, all layers together.
    start : {"trained", "initial"}
        What the second training starts from: the trained weights, or those of `model`, which is
        a lottery ticket of one round.
    again : mapping, optional
        Fields of `TrainConfig` that are others in the second training, such as ``epochs`` and
        ``learning_rate`` to fine-tune; by default it is like the first.
    rng : int, Generator or None
        Seed of both runs; see `masktopo.train`.
    out : path, optional
        Folder of the runs' folders, ``dense`` and ``density-DENSITY``, so that several densities
        share one dense run, with a `lottery_ticket` there too; and for ``ticket.masks`` and
        ``rounds.csv`` of the last search.
    progress : bool
        Whether to show bars.
    **same
        Further keywords of `masktopo.train` for both runs: ``epochs``, ``device``, ``config``,
        fields of it.

    Returns
    -------
    Ticket
        Masks, the weights of the start, and the two results.

    Raises
    ------
    ArgumentError
        If an argument is out of its range.

    Examples
    --------
    >>> import masktopo
    >>> from masktopo.networks import build_network
    >>> model = build_network("mlp", input_shape=(1, 8, 8), n_classes=10)
    >>> ticket = masktopo.prune_after_training(model, "digits", density=0.1, epochs=1)
    >>> ticket.masks.nnz == round(0.1 * ticket.masks.size), len(ticket.results)
    (True, 2)

    References
    ----------
    S. Han et al., *Learning both Weights and Connections for Efficient Neural Networks*,
    NeurIPS 2015. A. Renda et al., *Comparing Rewinding and Fine-tuning in Neural Network
    Pruning*, ICLR 2020, for starting with the whole schedule again.
    """
    check_choice("start", start, STARTS)
    search = Search(model, data, test, rng, None if out is None else Path(out), progress, same)
    count = kept_count(density, search.size)
    initial = search.start
    dense = search.run(DENSE, None)
    origin = f"magnitude after training at density {density:g}"
    masks = largest_weights(search.dense, dense.state_dict, count, origin=origin)
    if start == "trained":
        initial = dense.state_dict
    second = search.run(f"density-{density:g}", masks, initial=initial, changes=again)
    return search.ticket(masks, initial, [dense, second])
