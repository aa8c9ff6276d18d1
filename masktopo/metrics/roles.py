"""Two mask sets of one network, of which perhaps only one knows kinds and groups of layers.

A checkpoint tells neither, so that its convolutions are taken for ordinary ones: their graphs are
then others than under a model, even where the masks are equal.
"""

from dataclasses import replace

from masktopo._check import join_names
from masktopo.errors import MaskError
from masktopo.masks.layer import LayerMask
from masktopo.masks.maskset import MaskSet, check_same_layers

__all__ = ["as_in", "as_known_to_either"]


def as_in(masks: MaskSet, other: MaskSet) -> MaskSet:
    """Return the layers of `other` in the order of `masks`, with the kinds and groups there.

    Raises
    ------
    MaskError
        If layers or shapes differ, or kinds or groups that both sides know; all are named.
    """
    _check_one_network(masks, other)
    return MaskSet((_like(layer, other[name]) for name, layer in masks.items()))


def as_known_to_either(first: MaskSet, second: MaskSet) -> tuple[MaskSet, MaskSet]:
    """Return both in the order of `first`, with kinds and groups from the side that knows them.

    Raises
    ------
    MaskError
        As `as_in` does.
    """
    _check_one_network(first, second)
    pairs = [_informed(layer, second[name]) for name, layer in first.items()]
    return (
        MaskSet((pair[0] for pair in pairs), source=first.source),
        MaskSet((pair[1] for pair in pairs), source=second.source),
    )


def _check_one_network(first: MaskSet, second: MaskSet) -> None:
    check_same_layers(first, second)
    pairs = [(layer, second[name]) for name, layer in first.items()]
    differing = [
        f"{a.name} ({_role(a)} and {_role(b)})"
        for a, b in pairs
        if not (a.assumed or b.assumed or _role(a) == _role(b))
    ]
    if differing:
        raise MaskError(
            "the mask sets are not of one network: other kinds or groups in "
            f"{join_names(differing)}"
        )


def _role(layer: LayerMask) -> str:
    return f"{layer.kind}, groups {layer.groups}"


def _informed(first: LayerMask, second: LayerMask) -> tuple[LayerMask, LayerMask]:
    """Tell the side that only guessed what the other one knows."""
    if first.assumed and not second.assumed:
        return _like(second, first), second
    return first, _like(first, second)


def _like(model: LayerMask, layer: LayerMask) -> LayerMask:
    """Return `layer` with the kind and groups of `model`."""
    if _role(model) == _role(layer):
        return layer
    return replace(layer, kind=model.kind, groups=model.groups)
