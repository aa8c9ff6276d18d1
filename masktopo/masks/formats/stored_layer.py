"""One layer of a checkpoint before its values are read."""

import math
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from masktopo.errors import MaskError
from masktopo.masks.formats.arrays import storage_of, tally_of, to_array, width_of
from masktopo.masks.layer import LayerMask
from masktopo.masks.summary import LayerSummary

__all__ = ["StoredLayer"]


@dataclass(frozen=True)
class StoredLayer:
    """Where a layer's mask and weights are to be read from.

    Parameters
    ----------
    name, kind, groups, aliases, assumed
        As of the `LayerMask` that `read` gives.
    mask : tensor or None
        The explicit mask, where there is one.
    weight : tensor or None
        The weights, where they are known.
    origin : str
        Where the mask comes from. Without an explicit mask, ``"zeros"`` says that it is where the
        weights are not zero, and anything else that nothing is pruned.
    key : str
        The entry of the checkpoint that holds the weights, or else the mask.
    shard : str or None
        The file that it lies in, where a checkpoint has several.
    """

    name: str
    kind: str
    mask: Any
    weight: Any
    origin: str
    key: str
    groups: int = 1
    aliases: tuple[str, ...] = ()
    shard: str | None = None
    assumed: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the weight."""
        return tuple(map(int, self._known.shape))

    @property
    def size(self) -> int:
        """Number of weights, kept or not."""
        return math.prod(self.shape)

    @property
    def needed(self) -> int:
        """Bytes of the arrays that `read` gives."""
        return self.size * (1 + (0 if self.weight is None else width_of(self.weight)))

    @property
    def identity(self) -> Hashable | None:
        """What layers of one tied parameter share; None for what is nobody else's."""
        return None if self.weight is None else storage_of(self.weight)

    @property
    def _known(self) -> Any:
        return self.mask if self.weight is None else self.weight

    def read(self) -> LayerMask:
        """Read the mask and the weights."""
        with self._in_shard():
            return self._read()

    def _read(self) -> LayerMask:
        weight = None if self.weight is None else to_array(self.weight, self.name)
        mask, origin = self._mask(weight)
        return LayerMask(
            self.name,
            mask,
            weight,
            kind=self.kind,
            groups=self.groups,
            aliases=self.aliases,
            origin=origin,
            assumed=self.assumed,
        )

    def summary(self) -> LayerSummary:
        """Count without holding more of the layer than needs be; faults are those of `read`."""
        with self._in_shard():
            return self._summary()

    def _summary(self) -> LayerSummary:
        if self.mask is None and self.origin == "zeros":
            tally = tally_of(self.weight, self.name)
            if tally.faults:
                raise MaskError(
                    f"layer {self.name!r}: {tally.faults} of {tally.nnz} kept weights are nan or "
                    "infinite"
                )
            origin = "dense" if tally.nnz == self.size else self.origin
            return LayerSummary(self.name, self.kind, self.shape, tally.nnz, origin)
        layer = self._read()
        return LayerSummary(self.name, self.kind, self.shape, layer.nnz, layer.origin)

    def _mask(self, weight: Any) -> tuple[Any, str]:
        """Return the mask, from the weights where there is no other, and where it came from."""
        if self.mask is not None:
            return to_array(self.mask, self.name), self.origin
        if self.origin != "zeros":
            return np.ones(weight.shape, dtype=np.bool_), self.origin
        mask = weight != 0
        return mask, "dense" if mask.all() else "zeros"

    @contextmanager
    def _in_shard(self) -> Iterator[None]:
        """Name the shard in errors."""
        try:
            yield
        except MaskError as error:
            if self.shard is None:
                raise
            raise MaskError(f"shard {self.shard!r}: {error}") from error
