"""Two masks of one network, side by side."""

from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any

from masktopo._check import check_choice, check_count
from masktopo.graphs.bipartite import LAYER_ENCODINGS
from masktopo.masks.load import load_masks
from masktopo.masks.maskset import MaskSet
from masktopo.metrics.conventions import CONVENTIONS
from masktopo.metrics.roles import as_known_to_either
from masktopo.metrics.similarity import LayerSimilarity, coordinate_distance, layer_similarity
from masktopo.metrics.spectral import COORDINATES, coordinates

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["compare"]


def compare(
    source_a: Any,
    source_b: Any,
    *,
    encoding: str = "rolled",
    convention: str = "pags23",
    allow_dense: bool = False,
    threads: int = 1,
) -> "pd.DataFrame":
    """Compare two masks of one network, layer by layer (section 6 of the definitions).

    Parameters
    ----------
    source_a, source_b : path, state dict, dict of masks, torch.nn.Module or MaskSet
        Anything that `load_masks` takes. Where one is a model, or has its groups and transposed
        convolutions from one, the other is taken to have them as well.
    encoding : {"rolled", "channel"}
        Of the spectral coordinates.
    convention : {"pags23", "rama23", "mge24"}
    allow_dense : bool
        Accept files with neither masks nor zeros.
    threads : int
        Threads that share the layers; the numbers do not depend on it.

    Returns
    -------
    DataFrame
        One row a layer, in the order of `source_a`, with columns

        - `size`, `nnz_a`, `nnz_b`, `density_a`, `density_b`, and `common`, the weights that both
          keep: with these, numbers of the whole network can be summed up;
        - `jaccard`, `hamming`, `hamming_fraction`, `sign_agreement`, as in `LayerSimilarity`;
        - the coordinates of both, as `ramanujan_gap_a` and `_b` and so on, and
          `coordinate_distance`, the length of their difference (entries that are not finite
          count as 0; nan where weights are unknown on a side).

    Raises
    ------
    MaskError
        If layers or shapes differ, or kinds or groups that both sides know; all of them are named.

    Examples
    --------
    >>> import numpy as np
    >>> first = {"fc.weight": np.array([[True, True, False, False], [True, False, True, False]])}
    >>> second = {"fc.weight": np.array([[True, False, True, False], [True, False, True, False]])}
    >>> table = compare(first, second)
    >>> table.loc["fc", ["nnz_a", "common", "hamming", "jaccard"]].tolist()
    [4.0, 3.0, 2.0, 0.6]
    """
    import pandas as pd

    check_choice("encoding", encoding, LAYER_ENCODINGS)
    check_choice("convention", convention, CONVENTIONS)
    check_count("threads", threads)
    first, second = (load_masks(source, allow_dense=allow_dense) for source in (source_a, source_b))
    first, second = as_known_to_either(first, second)
    sides = [
        coordinates(masks, convention=convention, encoding=encoding, threads=threads)
        for masks in (first, second)
    ]
    table = pd.DataFrame(
        [_row(first, second, name) for name in first],
        index=pd.Index(list(first), name="layer"),
        columns=[*COUNTS, *(field.name for field in fields(LayerSimilarity))],
    )
    for index, name in enumerate(COORDINATES):
        for side, found in zip("ab", sides, strict=True):
            table[f"{name}_{side}"] = found.values[:, index]
    table["coordinate_distance"] = coordinate_distance(*sides)
    return table


COUNTS = ("size", "nnz_a", "nnz_b", "density_a", "density_b")


def _row(first: MaskSet, second: MaskSet, name: str) -> dict[str, Any]:
    a, b = first[name], second[name]
    return {
        "size": a.size,
        "nnz_a": a.nnz,
        "nnz_b": b.nnz,
        "density_a": a.density,
        "density_b": b.density,
        **asdict(layer_similarity(a, b)),
    }
