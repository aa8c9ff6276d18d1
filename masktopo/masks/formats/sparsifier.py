"""The state of a ``torch.ao.pruning`` sparsifier, in a file of its own or beside the model.

``sparsifier.state_dict()`` is ``{"state": {"fc.weight": {"mask": mask}}, "groups": [...]}``. The
model's state dict holds only the values before masking.
"""

from collections.abc import Iterator, Mapping

from masktopo.masks.formats.checkpoint import Checkpoint, FoundMask, tensors_in
from masktopo.masks.formats.tables import entry, matched

__all__ = ["sparsifier_masks"]

_PLACES: tuple[tuple[str, ...], ...] = (
    (),
    ("sparsifier",),
    ("sparsifier_state",),
    ("sparsifier_state_dict",),
)


def sparsifier_masks(checkpoint: Checkpoint) -> Iterator[FoundMask]:
    """Find the masks of a sparsifier, by the names of their parameters."""
    for path in _PLACES:
        sparsifier = entry(checkpoint.tree, path)
        # An optimiser has a state as well, but its groups are called param_groups.
        if "groups" in sparsifier:
            state = entry(sparsifier, ("state",))
            masks = tensors_in(
                {
                    name: inner.get("mask")
                    for name, inner in state.items()
                    if isinstance(inner, Mapping)
                }
            )
            yield from matched(checkpoint, masks, "sparsifier state")
