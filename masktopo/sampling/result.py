"""The outcome of a PAGS run, and its files."""

from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import torch

from masktopo.errors import MasktopoError, RunError
from masktopo.masks.formats.own import read_mask_file
from masktopo.masks.maskset import MaskSet
from masktopo.sampling.folder import INITIAL_FILE, read_settings, write_settings
from masktopo.sampling.settings import PagsSettings
from masktopo.sampling.tables import read_table, write_table
from masktopo.training.folder import RESULT_FILE, SAMPLING_FILE, read_figures, write_figures
from masktopo.training.tensor_file import read_tensors, write_tensors

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["PagsResult"]

_HISTORY_FILE = "history.csv"
_LAYERS_FILE = "layers.csv"
_TEXT_FILES = (SAMPLING_FILE, _HISTORY_FILE, _LAYERS_FILE)


@dataclass(frozen=True, eq=False)
class PagsResult:
    """The chosen masks, and how they came about.

    Parameters
    ----------
    masks : MaskSet
        The chosen masks, with the weights of `initial`.
    ticket : MaskSet
        Ticket 0: the masks of the pruning method from all of the data.
    unrepaired : MaskSet
        What the selection chose, before its count was repaired; else equal to `masks`.
    history : pandas.DataFrame
        A row a candidate and layer: ``candidate`` (0 is the ticket), ``layer``, ``nnz``, the
        four coordinates, ``full_spectrum``, ``subgraphs``, ``valid``, ``score`` (what the
        selection went by), ``accepted`` (whether it was the best when its turn came) and
        ``digest`` of the candidate's masks.
    layers : pandas.DataFrame
        A row a layer of `masks`, index ``layer``: ``winner`` (the candidate that it was taken
        from), ``nnz_unrepaired``, ``nnz``, the coordinates and score as they are after the
        repair, and ``fell``: whether the repair brought the layer below its accepted values.
    initial : dict of str to torch.Tensor
        State dict of the weights at which masks were drawn, on the CPU.
    explored : float
        Part of the prunable weights that at least one candidate kept.
    settings : PagsSettings
        What makes the run the same run.

    Examples
    --------
    >>> import masktopo
    >>> from masktopo.networks import build_network
    >>> model = build_network("mlp", input_shape=(1, 8, 8), n_classes=10)
    >>> result = masktopo.pags(model, "digits", density=0.1, samples=3, batches=2)
    >>> result.masks.nnz == result.ticket.nnz, len(result.history)
    (True, 12)
    >>> result.winners.index.tolist()
    ['fc1', 'fc2', 'fc3']
    """

    masks: MaskSet
    ticket: MaskSet
    unrepaired: MaskSet
    history: pd.DataFrame
    layers: pd.DataFrame
    initial: dict[str, torch.Tensor]
    explored: float
    settings: PagsSettings

    @property
    def seed(self) -> int:
        """Root of all randomness of the run."""
        return self.settings.seed

    @property
    def winners(self) -> "pd.Series[int]":
        """The candidate that each layer was taken from."""
        return self.layers["winner"]

    @property
    def fell(self) -> list[str]:
        """Layers that the repair brought below their accepted values."""
        return self.layers.index[self.layers["fell"]].tolist()

    @property
    def drift(self) -> int:
        """Weights that the selection kept beyond the ticket's count (negative: fewer)."""
        return self.unrepaired.nnz - self.ticket.nnz

    def __repr__(self) -> str:
        valid = int(self.layers["valid"].sum())
        return (
            f"<PagsResult of {self.settings.samples} samples of {self.settings.recipe.origin}: "
            f"{self.masks.nnz} weights kept, {valid} of {len(self.layers)} layers valid>"
        )

    def plot(self) -> "Figure":
        """Draw the score over the samples, and the four coordinates over the candidates.

        Returns
        -------
        matplotlib Figure
            Five panels; `masktopo.sampling.pictures` draws single ones onto an axis.
        """
        from masktopo.sampling.pictures import plot_run

        return plot_run(self)

    def save(self, folder: str | PathLike[str]) -> None:
        """Write settings, state dict, tables and masks; ``result.json`` comes last."""
        target = Path(folder)
        # Until its new result is there, the folder of an earlier one counts as not finished.
        (target / RESULT_FILE).unlink(missing_ok=True)
        write_settings(target, self.settings)
        write_tensors(self.initial, target / INITIAL_FILE)
        self.masks.save(target / "chosen.masks")
        self.ticket.save(target / "ticket.masks", weights=False)
        self.unrepaired.save(target / "unrepaired.masks", weights=False)
        write_table(target / _HISTORY_FILE, self.history)
        write_table(target / _LAYERS_FILE, self.layers.reset_index())
        write_figures(target, self._figures(), _TEXT_FILES)

    @classmethod
    def load(cls, folder: str | PathLike[str]) -> "PagsResult":
        """Read what `save` wrote.

        Raises
        ------
        RunError
            If the run is not finished, or a file is missing or damaged, be it by one bit; the
            file is named.
        """
        source = Path(folder)
        figures = read_figures(source)
        settings = read_settings(source)
        if settings is None:
            raise RunError(f"{source / SAMPLING_FILE} is missing")
        if "explored" not in figures:
            raise RunError(f"{source / RESULT_FILE} lacks 'explored'")
        masks = _read_masks(source / "chosen.masks")
        if masks.digest != figures.get("digest"):
            raise RunError(f"{source / 'chosen.masks'} is of another run than result.json")
        return cls(
            masks=masks,
            ticket=_weighted(_read_masks(source / "ticket.masks"), masks),
            unrepaired=_weighted(_read_masks(source / "unrepaired.masks"), masks),
            history=read_table(source / _HISTORY_FILE),
            layers=read_table(source / _LAYERS_FILE).set_index("layer"),
            initial=read_tensors(source / INITIAL_FILE),
            explored=figures["explored"],
            settings=settings,
        )

    def _figures(self) -> dict[str, Any]:
        """Return what ``result.json`` holds."""
        return {
            "digest": self.masks.digest,
            "nnz": self.masks.nnz,
            "density": self.masks.density,
            "drift": self.drift,
            "explored": self.explored,
            "layers": len(self.layers),
            "valid_layers": int(self.layers["valid"].sum()),
            "fell": self.fell,
        }


def _read_masks(path: Path) -> MaskSet:
    try:
        return read_mask_file(path)
    except (MasktopoError, OSError) as error:
        raise RunError(f"{path} is missing or damaged: {error}") from error


def _weighted(masks: MaskSet, chosen: MaskSet) -> MaskSet:
    """Give masks the weights of the chosen ones."""
    return masks.with_weights({name: layer.weight for name, layer in chosen.items()})
