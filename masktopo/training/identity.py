"""What makes two runs the same run: configuration, seed, masks, data and start weights."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from torch import nn

from masktopo.data.splits import DataSplits
from masktopo.errors import RunError
from masktopo.masks.maskset import MaskSet
from masktopo.training.config import TrainConfig
from masktopo.training.dynamic import DynamicSparsity
from masktopo.training.network_identity import network_identity, state_digest

__all__ = ["RunIdentity", "identify_run", "python_number", "state_digest"]

_DENSE = "dense"


@dataclass(frozen=True)
class RunIdentity:
    """All that decides the outcome of a run, the machine aside.

    Parameters
    ----------
    config : TrainConfig
        The protocol.
    seed : int
        Seed of batches, augmentation and the model's own draws.
    network : str
        Class of the model, and a digest of what it is besides its weights; see
        `network_identity` for what that does not cover.
    masks : str
        Digest of the masks at the start, or ``"dense"``.
    train_data, test_data : str
        Digests of the training set, validation part included, and of the test set.
    initial : str
        Digest of the masked start weights.
    dynamic : DynamicSparsity or None
        How masks change while they train; None where they stay.
    """

    config: TrainConfig
    seed: int
    network: str
    masks: str
    train_data: str
    test_data: str
    initial: str
    dynamic: DynamicSparsity | None = None

    @property
    def digest(self) -> str:
        """SHA-256 over all entries (hex)."""
        text = json.dumps(self.to_dict(), sort_keys=True, default=python_number)
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def is_masked(self) -> bool:
        """Whether the network was trained under masks."""
        return self.masks != _DENSE

    def to_dict(self) -> dict[str, Any]:
        """Return the entries as JSON holds them; ``dynamic`` only where masks change."""
        record = asdict(self)
        record["config"]["milestones"] = list(self.config.milestones)
        if self.dynamic is None:
            del record["dynamic"]
        return record

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> "RunIdentity":
        """Return the run of which `record` holds the entries.

        Raises
        ------
        RunError
            If the entries are not those of a run.
        """
        try:
            given = {**record, "config": TrainConfig(**record["config"])}
            if "dynamic" in record:
                given["dynamic"] = DynamicSparsity(**record["dynamic"])
            return cls(**given)
        except (KeyError, TypeError, ValueError) as error:
            raise RunError(f"this is no training run's configuration: {error}") from error

    def entries(self) -> dict[str, Any]:
        """Return the entries on one level, for comparison."""
        record = self.to_dict()
        dynamic = {f"dynamic_{name}": value for name, value in record.pop("dynamic", {}).items()}
        return {**record.pop("config"), **record, **dynamic}


def identify_run(
    model: nn.Module,
    masks: MaskSet | None,
    splits: DataSplits,
    config: TrainConfig,
    seed: int,
    dynamic: DynamicSparsity | None = None,
) -> RunIdentity:
    """Return the identity of training `model`, as it is and already masked."""
    return RunIdentity(
        config,
        seed,
        network_identity(model),
        _DENSE if masks is None else masks.digest,
        splits.train.digest,
        splits.test.digest,
        state_digest(model.state_dict()),
        dynamic,
    )


def python_number(value: object) -> Any:
    """Return the Python number of a NumPy scalar, which JSON does not take by itself."""
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"JSON does not hold a {type(value).__name__}")
