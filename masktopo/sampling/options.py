"""What a PAGS run is asked for, and the settings that follow from it."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from torch import nn

from masktopo._random import Rng, root_seed
from masktopo.data.tensors import TensorData
from masktopo.errors import ArgumentError
from masktopo.masks.maskset import MaskSet
from masktopo.masks.slots import network_of
from masktopo.pruning.method import METHODS, method_key
from masktopo.pruning.recipe import Recipe
from masktopo.sampling.callable_digest import callable_digest
from masktopo.sampling.scoring import Score, is_of_layers, score_name
from masktopo.sampling.settings import PagsSettings
from masktopo.training.config import TrainConfig
from masktopo.training.network_identity import network_identity, state_digest

__all__ = ["PagsOptions"]


@dataclass(frozen=True, eq=False)
class PagsOptions:
    """The keywords of `masktopo.pags` that decide its outcome; see there."""

    method: str = "snip"
    density: float = 0.01
    samples: int = 1000
    batches: int = 20
    batch_size: int = 128
    pool: int | None = None
    selection: str = "layer"
    score: Score = "full_spectrum"
    reference: str | MaskSet = "origin"
    exact_density: bool = True
    ties: str = "first"
    noise: float | str = 1e-3
    pretrain_steps: int = 0
    pretrain: TrainConfig | None = None
    scope: str = "global"
    train_mode: bool = False
    rounds: int | None = None
    shuffle: bool = False
    keep_dense: str | Collection[str] = ()
    test: Any = None
    rng: Rng = 0
    torch_threads: int | None = None

    def settings(
        self,
        model: nn.Module,
        data: TensorData | None,
        *,
        recorded: PagsSettings | None,
    ) -> PagsSettings:
        """Return the settings of a run.

        Parameters
        ----------
        model : torch.nn.Module
        data : TensorData or None
            What draws see.
        recorded : PagsSettings or None
            Of the folder, which keeps a seed that was drawn, and its number of torch threads.

        Raises
        ------
        ArgumentError
            If an option is out of its range.
        """
        threads = 1 if recorded is None else recorded.torch_threads
        key = method_key(self.method)
        if self.pool is not None and key in METHODS and not METHODS[key].needs_data:
            raise ArgumentError(f"pool={self.pool}: {key} sees no mini-batches")
        name = score_name(self.score)
        if self.selection == "layer" and not is_of_layers(self.score):
            raise ArgumentError(f"score={name!r} is of the whole network: take selection='network'")
        return PagsSettings(
            recipe=self._recipe,
            samples=self.samples,
            batches=self.batches,
            pool=self.pool,
            selection=self.selection,
            ties=self.ties,
            score=name,
            score_digest=callable_digest(self.score) if callable(self.score) else None,
            reference=_name_of(self.reference),
            exact_density=self.exact_density,
            noise=self.noise,
            pretrain_steps=self.pretrain_steps,
            pretrain=self._pretrain,
            seed=self._seed(recorded),
            torch_threads=threads if self.torch_threads is None else self.torch_threads,
            network=network_identity(network_of(model)),
            model=state_digest(network_of(model).state_dict()),
            data="none" if data is None else data.digest,
        )

    @property
    def _recipe(self) -> Recipe:
        return Recipe(
            self.method,
            self.density,
            self.scope,
            self.batch_size,
            self.train_mode,
            self.rounds,
            self.shuffle,
            self.keep_dense,
        )

    @property
    def _pretrain(self) -> TrainConfig | None:
        if not self.pretrain_steps:
            return None
        return self.pretrain or TrainConfig(batch_size=self.batch_size)

    def _seed(self, recorded: PagsSettings | None) -> int:
        if self.rng is None and recorded is not None:
            return recorded.seed
        return root_seed(self.rng)


def _name_of(reference: str | MaskSet) -> str:
    return reference if isinstance(reference, str) else f"masks {reference.digest}"
