"""Masks brought to a wiring: every layer that it uses, in the shape and the role that it has."""

import warnings
from dataclasses import replace

import numpy as np

from masktopo._check import join_faults, join_names
from masktopo.errors import MasktopoWarning, WiringError
from masktopo.graphs.wiring import LayerSpec, Use, Wiring
from masktopo.masks.layer import LayerMask
from masktopo.masks.maskset import MaskSet

__all__ = ["TAKEN_AS_DENSE", "as_used", "completed", "fitted"]

TAKEN_AS_DENSE = "taken as dense"
"""Origin of a layer of the model that the masks lack."""


def fitted(masks: MaskSet, wiring: Wiring) -> MaskSet:
    """Return the masks of the wiring's layers, with their kinds, groups and order.

    Parameters
    ----------
    masks : MaskSet
        Layers may go by an alias of a tied parameter. Layers that the data flow does not reach
        are left out, and those that `masks` lacks are dense, without weights.
    wiring : Wiring

    Raises
    ------
    WiringError
        If a mask has no layer in the wiring, or another shape than it (all of them are named), or
        if names of one tied parameter have different masks.
    """
    names = _names(wiring)
    _check_fits(masks, names, wiring)
    found: dict[str, LayerMask] = {}
    for name, layer in masks.items():
        if name in names:
            _check_tied(found.setdefault(names[name].name, layer), layer, masks.source)
    return MaskSet(
        (_fitted(spec, found.get(spec.name), wiring.assumed) for spec in wiring.layers),
        source=masks.source,
    )


def completed(masks: MaskSet, wiring: Wiring) -> MaskSet:
    """Return `fitted` masks, followed by those of layers that the data flow does not reach.

    Both kinds of gap are named in a warning: layers taken as dense, and layers beside the graph.
    """
    found = fitted(masks, wiring)
    beside = [layer for name, layer in masks.items() if name in wiring.unused]
    dense = [layer.name for layer in found.values() if layer.origin == TAKEN_AS_DENSE]
    _warn("taken as dense, since there is no mask of", dense)
    _warn("not in the graph, since the data flow does not reach", [layer.name for layer in beside])
    return MaskSet([*found.values(), *beside], source=masks.source) if beside else found


def _names(wiring: Wiring) -> dict[str, LayerSpec]:
    return {name: spec for spec in wiring.layers for name in (spec.name, *spec.aliases)}


def _check_fits(masks: MaskSet, names: dict[str, LayerSpec], wiring: Wiring) -> None:
    unknown = [name for name in masks if name not in names and name not in wiring.unused]
    reshaped = [
        f"{name} (mask {layer.shape}, expected {names[name].shape})"
        for name, layer in masks.items()
        if name in names and layer.shape != names[name].shape
    ]
    faults = join_faults(("only the masks have", unknown), ("other shapes in", reshaped))
    if faults:
        raise WiringError(f"{masks.source} does not fit the wiring: {faults}")


def _check_tied(first: LayerMask, other: LayerMask, source: str) -> None:
    if first is not other and not np.array_equal(first.mask, other.mask):
        raise WiringError(
            f"{source}: {first.name} and {other.name} are one tied parameter of the model, but "
            "have different masks"
        )


def _warn(words: str, names: list[str]) -> None:
    if names:
        warnings.warn(f"{words} {join_names(names)}", MasktopoWarning, stacklevel=4)


def _fitted(spec: LayerSpec, layer: LayerMask | None, assumed: bool) -> LayerMask:
    """Give a layer what the wiring says of it, which is no news where the wiring was assumed."""
    if layer is None:
        dense = LayerMask(spec.name, np.ones(spec.shape, np.bool_), None, spec.kind, spec.groups)
        return replace(dense, aliases=spec.aliases, origin=TAKEN_AS_DENSE)
    found = LayerSpec(layer.name, layer.shape, layer.kind, layer.groups, layer.aliases)
    assumed = assumed and layer.assumed
    if found == spec and layer.assumed == assumed:
        return layer
    names = replace(layer, name=spec.name, aliases=spec.aliases, assumed=assumed)
    return replace(names, kind=spec.kind, groups=spec.groups)


def as_used(layer: LayerMask, use: Use) -> LayerMask:
    """Return the layer as one link uses it: of that kind, and only the outputs that it computes."""
    if use.rows is not None:
        rows = slice(*use.rows)
        weight = None if layer.weight is None else layer.weight[rows]
        layer = replace(layer, mask=layer.mask[rows], weight=weight)
    if (layer.kind, layer.groups) == (use.kind, use.groups):
        return layer
    return replace(layer, kind=use.kind, groups=use.groups)
