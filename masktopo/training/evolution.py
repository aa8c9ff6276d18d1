"""Masks that change while a network trains, and what they leave in the run's folder."""

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import torch
from torch import nn

from masktopo._random import stream
from masktopo.errors import TrainingError
from masktopo.masks.maskset import MaskSet
from masktopo.masks.naming import layer_name
from masktopo.training.checkpoint import copied
from masktopo.training.dynamic import DynamicSparsity
from masktopo.training.masked import HeldWeights
from masktopo.training.regrow import drop_count, regrown

__all__ = ["Evolution", "masks_from", "snapshot_path"]

Places = dict[str, torch.Tensor]

# Keys (purpose, step, layer); the purposes before it belong to the epochs of `loop`.
_GROW = 3


def snapshot_path(folder: Path, step: int) -> Path:
    """Return the file for masks and weights as an update after `step` left them."""
    return folder / f"{step:08d}.masks"


@dataclass(frozen=True, eq=False)
class Evolution:
    """The masks of one run under dynamic sparse training; its arrays change in place.

    Parameters
    ----------
    start : MaskSet
        The masks before the first step, without weights.
    dynamic : DynamicSparsity
        What changes, and when.
    held : HeldWeights
        The weights, and the places that are held at 0, which updates change.
    seed : int
        Seed of the run; random growth is a function of seed, step and layer on every device.
    steps : int
        Of the whole run.
    folder : Path or None
        For a mask file with weights at the start and after every update.
    """

    start: MaskSet
    dynamic: DynamicSparsity
    held: HeldWeights
    seed: int
    steps: int
    folder: Path | None
    _explored: Places = field(default_factory=dict)

    def begin(self, kept: Places, explored: Places) -> None:
        """Go on from a checkpoint's masks and their union; from the start where there are none."""
        if not kept:
            self._explored.update(self._kept())
            self._snapshot(0)
            return
        for name, mask in kept.items():
            self._keep(name, mask)
        device = next(iter(self.held.pruned.values())).device
        self._explored.update({name: union.to(device) for name, union in explored.items()})

    def __call__(self, model: nn.Module, step: int) -> None:
        """Update all masks if it is time; what `train_epoch` calls after every step."""
        if not self.dynamic.is_due(step, self.steps):
            return
        self.held.check(f"after step {step}")
        fraction = self.dynamic.fraction_at(step, self.steps)
        for place, (name, kept) in enumerate(self._kept().items()):
            weight = self.held.parameters[self._names[name][0]].detach()
            growth = self._growth(name, (step, place))
            for what, values in (("weights", weight), ("gradients", growth)):
                self._check_finite(f"layer {name!r}: {what}", values, step)
            mask = regrown(weight, kept, growth, drop_count(int(kept.sum()), fraction))
            self._keep(name, mask)
            self._explored[name] |= mask
        self.held.zero()
        self.held.check(f"after the update at step {step}")
        self._snapshot(step)

    @property
    def explored_ratio(self) -> float:
        """Part of all weights that were kept at some time (ITOP21)."""
        kept = sum(int(union.sum()) for union in self._explored.values())
        return kept / self.start.size

    def state(self) -> tuple[Places, Places]:
        """Return copies of masks and of their union on the CPU, by layer, for `begin`."""
        return copied(self._kept()), copied(self._explored)

    def _kept(self) -> Places:
        """Return the present masks by layer."""
        return {layer: ~self.held.pruned[names[0]] for layer, names in self._names.items()}

    def _keep(self, name: str, mask: torch.Tensor) -> None:
        """Let a layer keep `mask`, under each of its names."""
        for parameter in self._names[name]:
            self.held.pruned[parameter].copy_(~mask)

    @cached_property
    def _names(self) -> dict[str, list[str]]:
        """The parameters of every layer; a model may have untied its aliases."""
        named = {layer_name(parameter): parameter for parameter in self.held.pruned}
        return {
            layer.name: [named[name] for name in (layer.name, *layer.aliases)]
            for layer in self.start.values()
        }

    def _growth(self, name: str, key: tuple[int, int]) -> torch.Tensor:
        """Return the scores by which a layer grows."""
        parameter = self.held.parameters[self._names[name][0]]
        if self.dynamic.growth == "random":
            drawn = stream(self.seed, _GROW, *key).random(tuple(parameter.shape))
            return torch.from_numpy(drawn).to(parameter.device)
        if parameter.grad is None:
            raise TrainingError(
                f"layer {name!r} has no gradient after step {key[0]}, and growth='gradient' reads "
                "it: a frozen weight has none"
            )
        return parameter.grad.abs()

    def _check_finite(self, what: str, values: torch.Tensor, step: int) -> None:
        """Raise unless `values` can be ranked."""
        if not bool(values.isfinite().all()):
            raise TrainingError(
                f"{what} are not finite after step {step} of {self.steps}; "
                "a lower learning_rate may help"
            )

    def _snapshot(self, step: int) -> None:
        """Write masks and weights, whole or not at all."""
        if self.folder is None:
            return
        weights = {
            layer: self.held.parameters[names[0]].detach().cpu().numpy()
            for layer, names in self._names.items()
        }
        masks = masks_from(self.start, self._kept(), origin=f"dynamic sparse training, step {step}")
        masks.with_weights(weights).save(snapshot_path(self.folder, step))


def masks_from(start: MaskSet, kept: Places, *, origin: str) -> MaskSet:
    """Return `start` under other masks, given as tensors by layer."""
    return start.with_masks(
        {name: mask.cpu().numpy() for name, mask in kept.items()}, origin=origin
    )
