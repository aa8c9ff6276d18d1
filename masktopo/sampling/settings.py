"""What makes two PAGS runs the same run."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from masktopo._check import check_choice, check_count
from masktopo.errors import ArgumentError, RunError
from masktopo.metrics.spectral import COORDINATES
from masktopo.pruning.recipe import Draw, Recipe, check_noise, python_scalar
from masktopo.sampling.selection import SELECTIONS, TIES
from masktopo.training.config import TrainConfig
from masktopo.training.folder import with_checksum

__all__ = ["PagsSettings"]


@dataclass(frozen=True)
class PagsSettings:
    """All that decides the outcome of a run, the machine aside; see `masktopo.pags`.

    Parameters
    ----------
    recipe : Recipe
        The pruning method and its options.
    samples, batches, pool, selection, ties, exact_density, noise, pretrain_steps
        As in `masktopo.pags`.
    score, reference : str
        Names; a reference mask is named by its digest.
    score_digest : str or None
        What a callable score is (`masktopo.sampling.callable_digest`).
    pretrain : TrainConfig or None
        The protocol of the pretraining, where there is one.
    seed : int
        Root of all randomness.
    torch_threads : int
        Torch threads of every draw: sums of gradients depend on their number.
    network : str
        What the network is besides its weights (`masktopo.training.network_identity`).
    model, data : str
        Digests of the model's state and of the data that draws see (``"none"`` without).
    """

    recipe: Recipe
    samples: int
    batches: int
    pool: int | None
    selection: str
    ties: str
    score: str
    score_digest: str | None
    reference: str
    exact_density: bool
    noise: float | str
    pretrain_steps: int
    pretrain: TrainConfig | None
    seed: int
    torch_threads: int
    network: str
    model: str
    data: str

    def __post_init__(self) -> None:
        for field in fields(self):
            object.__setattr__(self, field.name, python_scalar(getattr(self, field.name)))
        check_count("samples", self.samples)
        check_count("batches", self.batches)
        if self.pool is not None:
            check_count("pool", self.pool, least=self.batches)
        check_count("pretrain_steps", self.pretrain_steps, least=0)
        check_count("torch_threads", self.torch_threads)
        check_choice("selection", self.selection, SELECTIONS)
        check_choice("ties", self.ties, TIES)
        check_noise(self.noise)
        if self.noise is None:
            raise ArgumentError("noise must be a number or 'weights', not None")
        if not isinstance(self.noise, str):
            object.__setattr__(self, "noise", float(self.noise))

    @property
    def digest(self) -> str:
        """SHA-256 over all settings (hex)."""
        return str(with_checksum(asdict(self))["checksum"])

    @property
    def scores_coordinates(self) -> bool:
        """Whether the score is a coordinate, or the distance of all from the reference."""
        return self.score_digest is None and self.score in (*COORDINATES, "full_spectrum")

    def draw(self, index: int) -> Draw:
        """Return the draw of sample `index`; 0 is the ticket, from all data and without noise."""
        if index == 0:
            return Draw(self.seed)
        return Draw(self.seed, index, batches=self.batches, noise=self._noise, pool=self.pool)

    @property
    def _noise(self) -> float | str | None:
        """The noise of samples, which only methods need that would always give one mask."""
        return self.noise if self.recipe.is_deterministic else None

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> "PagsSettings":
        """Return the settings of which a JSON file holds the entries.

        Raises
        ------
        RunError
            If the entries are not those of a run.
        """
        try:
            pretrain = record["pretrain"]
            parts = {
                "recipe": Recipe(**record["recipe"]),
                "pretrain": None if pretrain is None else TrainConfig(**pretrain),
            }
            return cls(**{**record, **parts})
        except (KeyError, TypeError, ValueError) as error:
            raise RunError(f"these are no settings of a PAGS run: {error}") from error

    def entries(self) -> dict[str, Any]:
        """Return the settings on one level, for comparison."""
        record = asdict(self)
        return {**record.pop("recipe"), **record}
