"""One mask by pruning at initialisation."""

from collections.abc import Collection
from typing import Any

from torch import nn

from masktopo._random import Rng, root_seed
from masktopo.data import resolve_data
from masktopo.data.tensors import TensorData
from masktopo.masks.maskset import MaskSet
from masktopo.pruning.choose import choose
from masktopo.pruning.collapse import warn_of_collapse
from masktopo.pruning.problem import Problem
from masktopo.pruning.recipe import Draw, Recipe

__all__ = ["prune"]


def prune(
    model: nn.Module,
    data: Any = None,
    *,
    method: str = "snip",
    density: float = 0.01,
    scope: str = "global",
    test: Any = None,
    batches: int | None = None,
    batch_size: int = 128,
    train_mode: bool = False,
    rounds: int | None = None,
    noise: float | str | None = None,
    shuffle: bool = False,
    keep_dense: Collection[str] = (),
    rng: Rng = 0,
) -> MaskSet:
    """Prune a network at initialisation: score its weights and keep the highest.

    Parameters
    ----------
    model : torch.nn.Module
        The dense network. It is not changed: scores are taken on copies.
    data : data set, pair of arrays, specification or None
        As for `masktopo.train`; its training set less its validation part is used. May be None
        for methods that need none. ``"phew"``, ``"npb"`` and ``"synflow"`` take only the shape
        of a sample from it.
    method : str
        A key of `masktopo.pruning.METHODS`, where ``_`` may stand for ``-``:
        ``"random-uniform"``, ``"random-er"``, ``"random-erk"``, ``"magnitude"``, ``"snip"``,
        ``"snip-iterative"``, ``"grasp"``, ``"phew"``, ``"npb"`` or
        ``"synflow"``.
    density : float
        Part of the prunable weights (linear layers and convolutions) to keep, in (0, 1].
        Exactly ``round(density * n)`` of them stay.
    scope : {"global", "layer"}
        Whether weights are ranked over the whole network, or in every layer for itself at one
        density. Random methods divide the budget by their own rule.
    test : data set, optional
        As for `masktopo.train`: without one, a fifth of `data` is held out as its test set.
    batches : int or None
        Mini-batches over which gradients are summed, drawn without replacement, the same in
        every round; None takes all of the data, each sample once.
    batch_size : int
        Samples of a mini-batch.
    train_mode : bool
        Whether the network is in training mode (batch statistics, dropout) where it sees data;
        eval mode otherwise.
    rounds : int or None
        Rounds of an iterative method; None takes the method's own, which is 100.
    noise : float, "weights" or None
        Noise in the scores of a method without data: a float multiplies each by
        ``1 + noise * normal`` anew in every round, ``"weights"`` adds to the weights noise of
        their layer's own standard deviation before the first.
    shuffle : bool
        Whether every layer's mask is permuted at random in the end, its count kept: the test of
        whether a method chooses more than the layers' densities.
    keep_dense : collection of str
        Names of layers that stay dense and are not in the count of prunable weights; ``"first"``
        and ``"last"`` are the first and the last prunable layer in the model's order.
    rng : int, Generator or None
        Seed; equal seeds give equal masks on one device and number of torch threads.

    Returns
    -------
    MaskSet
        All layers of the model, those that cannot be pruned dense, with the model's weights.

    Raises
    ------
    ArgumentError
        If an argument is out of its range, the method needs data and there is none, or
        `keep_dense` names an unknown layer.
    WiringError
        If ``"phew"`` or ``"npb"`` cannot follow the model's data flow.
    PruningError
        If the model has no prunable layer, the density keeps no weight at all, a loss or score
        is not finite (the batch or layer is named), or `batches` are more than the data has.

    Warns
    -----
    MasktopoWarning
        If a layer is left without weights; it is named.

    Examples
    --------
    >>> from torch import nn
    >>> model = nn.Sequential(nn.Linear(20, 10), nn.ReLU(), nn.Linear(10, 5))
    >>> masks = prune(model, method="magnitude", density=0.1)
    >>> masks
    <MaskSet of 2 layers, 25 of 250 weights kept>
    >>> masks["0"].origin
    'magnitude at density 0.1'

    Notes
    -----
    Of equal scores the earlier weight stays: first by layer in the network's order, then by
    place in the layer. A layer that is used twice or tied counts once.

    References
    ----------
    Each method's are in its file. `shuffle`: J. Frankle, G. K. Dziugaite, D. M. Roy, M. Carbin,
    *Pruning Neural Networks at Initialization: Why are We Missing the Mark?*, ICLR 2021.
    """
    recipe = Recipe(method, density, scope, batch_size, train_mode, rounds, shuffle, keep_dense)
    draw = Draw(root_seed(rng), batches=batches, noise=noise)
    problem = Problem(model, recipe, pruning_data(data, test=test))
    masks = problem.masks(choose(problem, draw).kept)
    warn_of_collapse(masks, recipe.origin, stacklevel=2)
    return masks


def pruning_data(data: Any, *, test: Any = None) -> TensorData | None:
    """Return what pruning may see of `data`: the training set less its validation part."""
    return None if data is None else resolve_data(data, test=test).training_part
