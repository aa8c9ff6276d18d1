"""The early-bird ticket: the largest weights of the dense network, once these stay the same."""

import shutil
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from masktopo._check import check_count
from masktopo._files import remove_temporaries
from masktopo._random import Rng
from masktopo.errors import ArgumentError, RunError, TrainingError
from masktopo.masks.formats.own import read_mask_file
from masktopo.masks.maskset import MaskSet
from masktopo.pruning.budget import kept_count
from masktopo.pruning.prunable import prunable_layers
from masktopo.training.checkpoint import copied
from masktopo.training.folder import SEARCH_FILE, has_begun, is_finished, read_json, write_json
from masktopo.training.largest import largest_weights
from masktopo.training.result import read_weights
from masktopo.training.search import Search
from masktopo.training.tensor_file import write_tensors
from masktopo.training.ticket import State, Ticket

__all__ = ["early_bird", "mask_distance"]

DENSE_RUN = "search"
EPOCHS_FOLDER = "epochs"
INITIAL_FILE = "initial.pt"


def early_bird(
    model: nn.Module,
    data: Any,
    *,
    density: float,
    threshold: float = 0.1,
    window: int = 5,
    test: Any = None,
    rng: Rng = 0,
    out: str | PathLike[str] | None = None,
    progress: bool = False,
    **same: Any,
) -> Ticket:
    """Train the dense network until its magnitude mask settles, and then only what it keeps.

    After every epoch the largest weights, all layers together, make a mask. Once the last
    `window` distances between masks of consecutive epochs are all under `threshold`, the dense
    training stops, and the network is trained under that mask from the weights that it has.

    Parameters
    ----------
    model : torch.nn.Module
        The network at its initialisation; it is not changed.
    data, test
        As in `masktopo.train`.
    density : float
        Share of the weights of linear layers and convolutions that is kept.
    threshold : float
        Distance (`mask_distance`) under which masks count as the same.
    window : int
        How many distances in a row must be under it.
    rng : int, Generator or None
        Seed of both trainings; see `masktopo.train`.
    out : path, optional
        Folder for the search (the dense run ``search``, the masks of its epochs, ``initial.pt``),
        for the run ``ticket``, and for ``ticket.masks`` and ``rounds.csv``. What is finished is
        read, what was stopped goes on.
    progress : bool
        Whether to show bars.
    **same
        Further keywords of `masktopo.train` for both trainings: ``epochs``, ``device``,
        ``config``, fields of it. The search is over after these epochs at the latest.

    Returns
    -------
    Ticket
        Masks, the weights at which they settled, and the result of training them.

    Raises
    ------
    TrainingError
        If the masks do not settle within the epochs; the distances are given.
    ArgumentError
        If an argument is out of its range.
    RunError
        If `out` belongs to another search. One that did not settle gives way, its dense run too.

    Examples
    --------
    >>> import masktopo
    >>> from masktopo.networks import build_network
    >>> model = build_network("mlp", input_shape=(1, 8, 8), n_classes=10)
    >>> ticket = masktopo.early_bird(model, "digits", density=0.5, window=2, epochs=8)
    >>> ticket.masks["fc1"].origin
    'early-bird ticket of epoch 3'

    Notes
    -----
    You et al. prune channels at half of the network and divide the Hamming distance by the size
    of the mask. At a density of a few percent that is always small, whatever the masks do; so
    here it is divided by the sizes of the two masks, which is the same at density 1/2.

    References
    ----------
    H. You et al., *Drawing Early-Bird Tickets: Towards More Efficient Training of Deep Networks*,
    ICLR 2020.
    """
    if not 0 < threshold <= 1:
        raise ArgumentError(f"threshold must lie in (0, 1], not {threshold!r}")
    check_count("window", window)
    search = Search(model, data, test, rng, None if out is None else Path(out), progress, same)
    count = kept_count(density, search.size)
    record = {"density": density, "threshold": threshold, "window": window}
    masks, initial = _found(search, record) or _settle(search, count, threshold, window)
    if search.folder is not None:
        write_tensors(initial, search.folder / INITIAL_FILE)
    return search.ticket(masks, initial, [search.run("ticket", masks, initial=initial)])


def mask_distance(first: MaskSet, second: MaskSet) -> float:
    """Return the Hamming distance of two masks of one network over the sum of their sizes.

    0 where they are equal, 1 where they have nothing in common; for masks of one size, the share
    of the kept weights that was replaced. Linear layers and convolutions count.

    Examples
    --------
    >>> from masktopo.masks.layer import LayerMask
    >>> first = MaskSet([LayerMask("fc", np.array([[True, True, False]]))])
    >>> second = MaskSet([LayerMask("fc", np.array([[True, False, True]]))])
    >>> mask_distance(first, second)
    0.5
    """
    pairs = [(first[layer.name], second[layer.name]) for layer in prunable_layers(first)]
    differing = sum(int(np.count_nonzero(one.mask != other.mask)) for one, other in pairs)
    return differing / sum(one.nnz + other.nnz for one, other in pairs)


class _Settled(Exception):  # noqa: N818 (a signal, no error)
    """Ends the dense training: the masks have settled."""


def _settle(search: Search, count: int, threshold: float, window: int) -> tuple[MaskSet, State]:
    """Train the dense network until its masks settle; masks and weights of that epoch."""
    seen: dict[int, MaskSet] = {}
    settled: State = {}

    def look(network: nn.Module, step: int) -> None:
        epoch, rest = divmod(step, search.steps_per_epoch)
        if rest:
            return
        state = copied(network.state_dict())
        origin = f"early-bird ticket of epoch {epoch}"
        seen[epoch] = largest_weights(search.dense, state, count, origin=origin)
        if search.folder is not None:
            seen[epoch].save(_masks_path(search.folder, epoch))
        last = _distances(search, seen, epoch, window)
        if len(last) == window and max(last) < threshold:
            settled.update(state)
            raise _Settled

    try:
        search.run(DENSE_RUN, None, after_step=look)
    except _Settled:
        return seen[max(seen)], settled
    epochs = search.config.epochs
    last = [round(distance, 3) for distance in _distances(search, seen, epochs, window)]
    raise TrainingError(
        f"the masks did not settle in {epochs} epochs: the last distances are {last}, "
        f"not {window} under {threshold}"
    )


def _distances(search: Search, seen: dict[int, MaskSet], epoch: int, window: int) -> list[float]:
    """Return the last distances, at most `window`; masks of a stopped search are read again."""
    epochs = range(max(epoch - window, 1), epoch + 1)
    for place in epochs:
        if place not in seen and search.folder is not None:
            seen[place] = read_mask_file(_masks_path(search.folder, place))
    return [mask_distance(seen[place], seen[place + 1]) for place in epochs[:-1]]


def _masks_path(folder: Path, epoch: int) -> Path:
    """Return the file for the masks after an epoch of the search."""
    return folder / EPOCHS_FOLDER / f"{epoch:04d}.masks"


def _found(search: Search, settings: dict[str, Any]) -> tuple[MaskSet, State] | None:
    """Make the folder that of this search, and return what it has come to, if it has.

    The dense run says for itself whose it is, but is not looked at once there is a ticket.
    """
    if search.folder is None:
        return None
    _claim(search.folder, {**settings, **search.dense_run.entries()})
    remove_temporaries(search.folder, [SEARCH_FILE, INITIAL_FILE])
    remove_temporaries(search.folder / EPOCHS_FOLDER, ["*.masks"])
    weights = search.folder / INITIAL_FILE
    if not weights.exists():
        return None
    last = max((search.folder / EPOCHS_FOLDER).glob("*.masks"))
    return read_mask_file(last), read_weights(weights)


def _claim(folder: Path, record: dict[str, Any]) -> None:
    """Make `folder` that of one search, or raise where it is another's."""
    path = folder / SEARCH_FILE
    if not path.exists():
        write_json(path, record)
        return
    found = read_json(path)
    differing = [name for name in record if found.get(name) != record[name]]
    if not differing:
        return
    if found.keys() != record.keys() or not _came_to_nothing(folder):
        listed = ", ".join(f"{name}={found.get(name)} and not {record[name]}" for name in differing)
        raise RunError(f"{folder} holds a search with {listed}; choose another folder")
    for name in (DENSE_RUN, EPOCHS_FOLDER):
        shutil.rmtree(folder / name, ignore_errors=True)
    write_json(path, record)


def _came_to_nothing(folder: Path) -> bool:
    """Whether the search of `folder` never got under way, or ended without a ticket."""
    dense = folder / DENSE_RUN
    return not (folder / INITIAL_FILE).exists() and (is_finished(dense) or not has_begun(dense))
