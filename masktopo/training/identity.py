"""What makes two runs the same run: configuration, seed, masks, data and start weights."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import nn

from masktopo.data.splits import DataSplits
from masktopo.errors import RunError
from masktopo.masks.maskset import MaskSet
from masktopo.training.config import TrainConfig
from masktopo.training.dynamic import DynamicSparsity

__all__ = ["RunIdentity", "identify_run", "state_digest"]

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
        Class of the model, and a digest of its printed form.
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
        return hashlib.sha256(json.dumps(self.to_dict(), sort_keys=True).encode()).hexdigest()

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
    printed = hashlib.sha256(repr(model).encode()).hexdigest()
    return RunIdentity(
        config,
        seed,
        f"{type(model).__qualname__} {printed[:16]}",
        _DENSE if masks is None else masks.digest,
        splits.train.digest,
        splits.test.digest,
        state_digest(model.state_dict()),
        dynamic,
    )


def state_digest(state: Mapping[str, torch.Tensor]) -> str:
    """Return the SHA-256 over names, dtypes, shapes and bytes, in the order of the names (hex).

    Examples
    --------
    >>> one, other = {"w": torch.zeros(2)}, {"w": torch.tensor([0.0, 1.0])}
    >>> state_digest(one) == state_digest(dict(one)), state_digest(one) == state_digest(other)
    (True, False)
    """
    total = hashlib.sha256()
    for name in sorted(state):
        value = state[name].detach().cpu()
        total.update(f"{name}\0{value.dtype}\0{tuple(value.shape)}\0".encode())
        total.update(value.contiguous().flatten().view(torch.uint8).numpy().data)
    return total.hexdigest()
