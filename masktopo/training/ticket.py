"""A ticket: masks that training has found, and the weights that they are trained from."""

from dataclasses import dataclass

import pandas as pd
import torch

from masktopo.masks.maskset import MaskSet
from masktopo.training.result import TrainingResult

__all__ = ["State", "Ticket"]

State = dict[str, torch.Tensor]


@dataclass(frozen=True, eq=False)
class Ticket:
    """A sparse network that training has found, and the runs that it took.

    Parameters
    ----------
    masks : MaskSet
        The masks, over the weights of `initial`.
    initial : dict of str to torch.Tensor
        Parameters and buffers that the last run started from, on the CPU, before masking.
    results : list of TrainingResult
        The runs in their order; the last is that of the ticket.
    """

    masks: MaskSet
    initial: State
    results: list[TrainingResult]

    def __repr__(self) -> str:
        return f"<Ticket: {self.masks.nnz} of {self.masks.size} weights, {self.result!r}>"

    @property
    def result(self) -> TrainingResult:
        """The run of the ticket itself."""
        return self.results[-1]

    @property
    def table(self) -> pd.DataFrame:
        """A row a run: round, kept weights, density, best epoch and accuracies."""
        return pd.DataFrame(
            [
                {
                    "round": place,
                    "nnz": self.masks.size if run.masks is None else run.masks.nnz,
                    "density": 1.0 if run.masks is None else run.masks.density,
                    "best_epoch": run.best_epoch,
                    "validation_accuracy": run.validation_accuracy,
                    "test_accuracy": run.test_accuracy,
                }
                for place, run in enumerate(self.results)
            ]
        )
