"""The masks of one network: an ordered mapping of layer names to `LayerMask`."""

import hashlib
import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from masktopo._check import join_faults, join_names
from masktopo.errors import ArgumentError, MaskError, MasktopoWarning
from masktopo.masks.layer import BoolArray, FloatArray, LayerMask

if TYPE_CHECKING:
    import torch

__all__ = ["MaskSet"]

Module = TypeVar("Module", bound="torch.nn.Module")


class MaskSet(Mapping[str, LayerMask]):
    """The masks of one network, in the network's own order.

    Parameters
    ----------
    layers : iterable of LayerMask
        The layers; names must differ.
    source : str
        What the masks were read from, for reports and error messages.

    Notes
    -----
    Two mask sets are equal when they keep the same weights of the same layers: names, shapes
    and masks count; weights, kinds and order do not. This is also what `digest` identifies.

    Sets of large files hold no arrays: each access to a layer reads it anew, so that a loop over
    ``masks.values()`` has one layer in memory at a time (`is_on_demand`).

    Examples
    --------
    >>> masks = MaskSet([LayerMask("fc", np.eye(3, dtype=bool))])
    >>> masks.nnz, round(masks.density, 3), list(masks)
    (3, 0.333, ['fc'])
    """

    __slots__ = ("_digest", "_has_weights", "_layers", "_readers", "_totals", "source")

    def __init__(self, layers: Iterable[LayerMask], *, source: str = "memory") -> None:
        self._layers: dict[str, LayerMask] = {}
        for layer in layers:
            if not isinstance(layer, LayerMask):
                raise ArgumentError(
                    f"a MaskSet is made of LayerMasks, not of {type(layer).__name__}; load_masks "
                    "makes one of a dict of masks"
                )
            if layer.name in self._layers:
                raise MaskError(f"{source}: two layers are named {layer.name!r}")
            self._layers[layer.name] = layer
        self._readers: dict[str, Callable[[], LayerMask]] | None = None
        self.source = source
        self._digest: str | None = None
        self._totals: tuple[int, int] | None = None
        self._has_weights: bool | None = None

    @classmethod
    def on_demand(
        cls,
        readers: Iterable[tuple[str, Callable[[], LayerMask]]],
        *,
        source: str,
        totals: tuple[int, int] | None = None,
        has_weights: bool | None = None,
    ) -> "MaskSet":
        """Make a set that holds no layer, and reads one each time that it is asked for.

        Parameters
        ----------
        readers : iterable of (str, function)
            The layers' names, each with what gives the layer; names must differ.
        source : str
            What the masks are read from.
        totals : (int, int), optional
            `nnz` and `size`, where they are known.
        has_weights : bool, optional
            Whether every layer will have its weights, where that is known.

        Examples
        --------
        >>> read = lambda: LayerMask("fc", np.eye(3, dtype=bool))
        >>> MaskSet.on_demand([("fc", read)], source="memory")
        <MaskSet of 1 layers, 3 of 9 weights kept>
        """
        masks = cls([], source=source)
        masks._readers = {}
        for name, reader in readers:
            if name in masks._readers:
                raise MaskError(f"{source}: two layers are named {name!r}")
            masks._readers[name] = reader
        masks._totals, masks._has_weights = totals, has_weights
        return masks

    @property
    def is_on_demand(self) -> bool:
        """Whether layers are read anew each time, since they would take too much memory."""
        return self._readers is not None

    def __getitem__(self, name: str) -> LayerMask:
        return self._layers[name] if self._readers is None else self._readers[name]()

    def __iter__(self) -> Iterator[str]:
        return iter(self._layers if self._readers is None else self._readers)

    def __len__(self) -> int:
        return len(self._layers if self._readers is None else self._readers)

    def __repr__(self) -> str:
        return f"<MaskSet of {len(self)} layers, {self.nnz} of {self.size} weights kept>"

    def __hash__(self) -> int:
        return hash(self.digest)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, MaskSet):
            return NotImplemented
        return self.keys() == other.keys() and all(
            np.array_equal(layer.mask, other[name].mask) for name, layer in self.items()
        )

    def __and__(self, other: "MaskSet") -> "MaskSet":
        """Keep the weights that both keep."""
        return self._combine(other, np.logical_and, "intersection")

    def __or__(self, other: "MaskSet") -> "MaskSet":
        """Keep the weights that at least one keeps."""
        return self._combine(other, np.logical_or, "union")

    @property
    def nnz(self) -> int:
        """Number of kept weights."""
        return self._counted()[0]

    @property
    def size(self) -> int:
        """Number of weights, kept or not."""
        return self._counted()[1]

    @property
    def density(self) -> float:
        """Kept weights over all weights; nan without any."""
        return self.nnz / self.size if self.size else float("nan")

    @property
    def has_weights(self) -> bool:
        """Whether the weights of every layer are known."""
        if self._has_weights is None:
            self._has_weights = all(layer.weight is not None for layer in self.values())
        return self._has_weights

    @property
    def digest(self) -> str:
        """SHA-256 over names, shapes and packed mask bits, in the order of the names (hex)."""
        if self._digest is None:
            total = hashlib.sha256()
            for name in sorted(self):
                layer = self[name]
                total.update(f"{name}\0{layer.shape}\0".encode())
                total.update(np.packbits(layer.mask, bitorder="little").data)
            self._digest = total.hexdigest()
        return self._digest

    def with_masks(self, masks: Mapping[str, BoolArray], *, origin: str) -> "MaskSet":
        """Return this network under other masks; layers that `masks` lacks stay as they are."""
        unknown = masks.keys() - self.keys()
        if unknown:
            raise MaskError(f"{self.source} has no layer {join_names(sorted(unknown))}")
        return self._map(
            lambda layer: (
                layer.with_mask(masks[layer.name], origin=origin) if layer.name in masks else layer
            )
        )

    def with_weights(self, weights: Mapping[str, FloatArray | None] | None) -> "MaskSet":
        """Return these masks over other weights (layer name -> array); None drops all weights.

        Of a tied parameter, the weights may have any of its names; the layer's own comes first.

        Raises
        ------
        MaskError
            If layers are missing from `weights` or have other shapes there; all are named. With
            layers that are read on demand, other shapes come up when they are read.

        Warns
        -----
        MasktopoWarning
            If they have several of its names, and differ at kept places.
        """
        if weights is None:
            return self._map(lambda layer: layer.with_weight(None))
        _check_weights(self, weights)
        return self._map(lambda layer: layer.with_weight(_weight_of(layer, weights)))

    def apply(self, model: Module) -> Module:
        """Return a copy of `model` whose pruned weights are exactly 0.

        Parameters
        ----------
        model : torch.nn.Module
            A network that has every layer of this set under its name and shape; it is not
            changed. Parameters that the set does not name keep their values.

        Raises
        ------
        MaskError
            If a layer is missing in the model or has another shape there.
        """
        from masktopo.masks.model import apply_masks

        return apply_masks(self, model)

    def save(self, path: str | os.PathLike[str], *, weights: bool = True) -> None:
        """Write masktopo's own mask file, which `load_masks` reads back without loss.

        Parameters
        ----------
        path : path
            The file to write; it is replaced only when the new one is complete.
        weights : bool
            Whether to store the weights that are known.
        """
        from masktopo.masks.formats.own import write_mask_file

        write_mask_file(self, path, weights=weights)

    def _counted(self) -> tuple[int, int]:
        """Return `nnz` and `size`, counted once."""
        if self._totals is None:
            counts = [(layer.nnz, layer.size) for layer in self.values()]
            self._totals = sum(nnz for nnz, _ in counts), sum(size for _, size in counts)
        return self._totals

    def _map(self, change: Callable[[LayerMask], LayerMask]) -> "MaskSet":
        if self._readers is None:
            return MaskSet(map(change, self.values()), source=self.source)

        def changed(read: Callable[[], LayerMask]) -> LayerMask:
            return change(read())

        readers = ((name, partial(changed, read)) for name, read in self._readers.items())
        return MaskSet.on_demand(readers, source=self.source)

    def _combine(
        self, other: "MaskSet", operation: "np.ufunc | Callable[..., Any]", word: str
    ) -> "MaskSet":
        if not isinstance(other, MaskSet):
            raise ArgumentError(
                f"the {word} is one of MaskSets, not of a MaskSet and {type(other).__name__}; "
                "load_masks makes one of a dict of masks"
            )
        check_same_layers(self, other)
        masks = {name: operation(layer.mask, other[name].mask) for name, layer in self.items()}
        return self.with_masks(masks, origin=f"{word} of {self.source} and {other.source}")


def _name_in(weights: Mapping[str, object], layer: LayerMask) -> str:
    """Return the first name of a layer that is among `weights`; its own where none is."""
    return next((name for name in (layer.name, *layer.aliases) if name in weights), layer.name)


def _weight_of(layer: LayerMask, weights: Mapping[str, FloatArray | None]) -> FloatArray | None:
    """Return a layer's weights, with a warning where those of its other names are others."""
    name = _name_in(weights, layer)
    chosen = weights[name]
    differ = [
        alias
        for alias in layer.aliases
        if (other := weights.get(alias)) is not None
        and (np.shape(other) != layer.shape or (layer.mask & (other != chosen)).any())
    ]
    if differ:
        warnings.warn(
            f"layer {layer.name!r} is tied, but the given weights of {name} and of "
            f"{join_names(differ)} differ; those of {name} are taken",
            MasktopoWarning,
            stacklevel=2,
        )
    return chosen


def _check_weights(masks: MaskSet, weights: Mapping[str, FloatArray | None]) -> None:
    """Raise unless there are weights of every layer, of its shape where that is known."""
    missing = [
        name
        for name in masks
        if name not in weights and _name_in(weights, masks[name]) not in weights
    ]
    known = {}
    if not masks.is_on_demand:
        known = {_name_in(weights, layer): layer.shape for layer in masks.values()}
    reshaped = [
        f"{name} ({np.shape(weight)}, expected {known[name]})"
        for name, weight in weights.items()
        if name in known and weight is not None and np.shape(weight) != known[name]
    ]
    faults = join_faults(("lack layer", missing), ("have another shape in", reshaped))
    if faults:
        raise MaskError(f"the given weights {faults}")


def check_same_layers(first: MaskSet, second: MaskSet) -> None:
    """Raise unless both sets have the same layers with the same shapes."""
    only_first = [name for name in first if name not in second]
    only_second = [name for name in second if name not in first]
    reshaped = [
        f"{name} ({first[name].shape} and {second[name].shape})"
        for name in first
        if name in second and first[name].shape != second[name].shape
    ]
    faults = join_faults(
        (f"only {first.source} has", only_first),
        (f"only {second.source} has", only_second),
        ("other shapes in", reshaped),
    )
    if faults:
        raise MaskError(f"the mask sets are not of one network: {faults}")
