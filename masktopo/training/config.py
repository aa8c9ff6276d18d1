"""What a training run is configured with; the defaults are the protocol of PAGS23."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from math import inf
from typing import Any

from masktopo._check import check_choice, check_count, join_names
from masktopo.errors import ArgumentError
from masktopo.training.augment import AUGMENTATIONS
from masktopo.training.parts import part_of

__all__ = ["TrainConfig"]


@dataclass(frozen=True)
class TrainConfig:
    """SGD with Nesterov momentum under a step schedule.

    The part of the training set by which the best epoch is chosen is no option: it is fixed by
    `masktopo.data.validation_split`, since pruning must leave out the same samples.

    Parameters
    ----------
    epochs : int
        Passes over the training part.
    batch_size : int
        Samples a step.
    learning_rate : float
        Rate of the first epochs.
    momentum : float
        At least 0 and under 1.
    nesterov : bool
        Whether the momentum is Nesterov's.
    weight_decay : float
        Factor of the squared-norm penalty; it acts on every parameter.
    milestones : tuple of float
        Parts of the training after which the rate is multiplied by `rate_factor`.
    rate_factor : float
        See `milestones`.
    augment : str or None
        A key of `AUGMENTATIONS` (``"crop-flip"``, made for photographs), or None.
    precision : {"auto", "float32", "bfloat16"}
        Of the forward passes of training; weights and their updates are float32 in any case, and
        so is evaluation. ``"auto"`` is bfloat16 on GPUs that compute with it, else float32.
    step : {"eager", "compiled", "graph", "compiled-graph"}
        How steps are taken: one operation after the other, through ``torch.compile``, replayed
        from a recorded CUDA graph (GPU only), or both. The protocol is the same; last digits and
        speed differ. `benchmarks/training_gpu.py` measures them.

    Raises
    ------
    ArgumentError
        If a value is out of its range.

    Examples
    --------
    >>> config = TrainConfig(epochs=4)
    >>> [round(config.rate_at(epoch), 4) for epoch in (1, 2, 3, 4)]
    [0.1, 0.1, 0.01, 0.001]

    References
    ----------
    D. Hoang et al., *Don't just prune by magnitude! Your mask topology is a secret weapon*,
    NeurIPS 2023.
    """

    epochs: int = 250
    batch_size: int = 128
    learning_rate: float = 0.1
    momentum: float = 0.9
    nesterov: bool = True
    weight_decay: float = 5e-4
    milestones: tuple[float, ...] = (0.5, 0.75)
    rate_factor: float = 0.1
    augment: str | None = None
    precision: str = "auto"
    step: str = "eager"

    def __post_init__(self) -> None:
        check_count("epochs", self.epochs)
        check_count("batch_size", self.batch_size)
        object.__setattr__(self, "milestones", tuple(self.milestones))
        _check_range("learning_rate", self.learning_rate, 0 < self.learning_rate < inf)
        _check_range("momentum", self.momentum, 0 <= self.momentum < 1)
        _check_range("nesterov", self.nesterov, not self.nesterov or self.momentum > 0)
        _check_range("weight_decay", self.weight_decay, 0 <= self.weight_decay < inf)
        _check_range("milestones", self.milestones, all(0 <= part <= 1 for part in self.milestones))
        _check_range("rate_factor", self.rate_factor, 0 < self.rate_factor < inf)
        if self.augment is not None:
            check_choice("augment", self.augment, AUGMENTATIONS)
        check_choice("precision", self.precision, _PRECISIONS)
        check_choice("step", self.step, _STEPS)
        self._take_python_numbers()

    def _take_python_numbers(self) -> None:
        """Make equal numbers of any type one number, for digests and JSON."""
        object.__setattr__(self, "milestones", tuple(float(part) for part in self.milestones))
        for kind, names in _NUMBERS.items():
            for name in names:
                object.__setattr__(self, name, kind(getattr(self, name)))

    def rate_at(self, epoch: int) -> float:
        """Return the learning rate of `epoch`, counted from 1.

        A milestone at the part `m` is passed when at least ``m * epochs`` epochs are done.
        """
        passed = sum(epoch - 1 >= part_of(part, self.epochs) for part in self.milestones)
        return float(self.learning_rate * self.rate_factor**passed)

    def with_changes(self, changes: Mapping[str, Any]) -> "TrainConfig":
        """Return this configuration with some fields changed; unknown names are an error."""
        known = [field.name for field in fields(self)]
        unknown = [name for name in changes if name not in known]
        if unknown:
            raise ArgumentError(
                f"training has no option {join_names(unknown)}; it has {', '.join(known)}"
            )
        return TrainConfig(**{**asdict(self), **changes})

    @property
    def digest(self) -> str:
        """SHA-256 over all fields (hex)."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()


def _check_range(name: str, value: object, fits: bool) -> None:
    """Raise unless the value of a field `fits`."""
    if not fits:
        raise ArgumentError(f"{name}={value!r} is out of its range ({_RANGES[name]})")


_PRECISIONS = ("auto", "float32", "bfloat16")
_STEPS = ("eager", "compiled", "graph", "compiled-graph")

_NUMBERS: Mapping[type, tuple[str, ...]] = {
    int: ("epochs", "batch_size"),
    float: ("learning_rate", "momentum", "weight_decay", "rate_factor"),
    bool: ("nesterov",),
}

_RANGES = {
    "learning_rate": "greater than 0, and finite",
    "momentum": "at least 0 and under 1",
    "nesterov": "Nesterov's form needs a momentum greater than 0",
    "weight_decay": "at least 0, and finite",
    "milestones": "parts of the training between 0 and 1",
    "rate_factor": "greater than 0, and finite",
}
