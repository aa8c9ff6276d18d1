"""One update of one layer's mask: the smallest weights go, as many others come."""

from math import ceil

import torch

from masktopo.training.parts import part_of

__all__ = ["drop_count", "highest", "regrown"]


def drop_count(kept: int, fraction: float) -> int:
    """Return how many of `kept` weights an update drops: ``fraction * kept``, rounded up.

    Examples
    --------
    >>> drop_count(5, 0.5), drop_count(4, 0.5), drop_count(3, 0.0), drop_count(100, 0.07)
    (3, 2, 0, 7)
    """
    return ceil(part_of(fraction, kept))


def regrown(
    weight: torch.Tensor, kept: torch.Tensor, growth: torch.Tensor, count: int
) -> torch.Tensor:
    """Drop the `count` kept weights of smallest magnitude, then grow `count` of the pruned ones.

    Parameters
    ----------
    weight : torch.Tensor of float
        The layer's weights.
    kept : torch.Tensor of bool
        Its mask, True where a weight is kept; of the weight's shape, as all tensors here.
    growth : torch.Tensor of float
        Scores of growing, not negative; the highest pruned places grow. What was just dropped is
        among them.
    count : int
        At most as many as are kept.

    Returns
    -------
    torch.Tensor of bool
        The new mask, which keeps exactly as many weights as `kept`. Of equal magnitudes or scores
        the place of lower index (in C order) is kept, or grows.

    Notes
    -----
    A weight that is dropped and grows again in one update has not been pruned for any step: it
    keeps its value. So layers of density 1 stay as they are.

    Examples
    --------
    >>> weight, kept = torch.tensor([3.0, -1.0, 0.0, 0.0]), torch.tensor([True, True, False, False])
    >>> regrown(weight, kept, torch.tensor([0.0, 2.0, 1.0, 5.0]), 1).tolist()
    [True, False, False, True]
    """
    stay = highest(_among(weight.abs(), kept), int(kept.sum()) - count)
    return stay | highest(_among(growth, ~stay), count)


def highest(scores: torch.Tensor, count: int) -> torch.Tensor:
    """Mark the `count` highest scores, equal ones in favour of the lower index (in C order).

    The torch side of `masktopo.pruning.budget.keep_highest`: it stays on the device, and gives
    the same answer on each.

    Examples
    --------
    >>> highest(torch.tensor([1.0, 3.0, 1.0, 1.0]), 2).tolist()
    [True, True, False, False]
    """
    if count == 0:
        return torch.zeros_like(scores, dtype=torch.bool)
    flat = scores.flatten()
    threshold = flat.kthvalue(len(flat) - count + 1).values
    above, level = flat > threshold, flat == threshold
    marked = above | (level & (level.cumsum(0) <= count - above.sum()))
    return marked.view(scores.shape)


def _among(scores: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
    """Put all scores outside of `places` below those within, which are not negative."""
    return torch.where(places, scores, -1.0)
