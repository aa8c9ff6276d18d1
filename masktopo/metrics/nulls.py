"""Scores of metrics against null models: what a network's density or degrees do not explain.

Section 7 of the definitions; MGE24 shows how much of a metric a layer's density explains.
"""

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from masktopo._check import check_choice, check_count, join_names
from masktopo._progress import shows_progress
from masktopo._random import Rng, root_seed
from masktopo.graphs.bipartite import LAYER_ENCODINGS
from masktopo.masks.load import load_masks
from masktopo.metrics.conventions import CONVENTIONS
from masktopo.metrics.family import Family, Findings, Subject
from masktopo.metrics.null_masks import NullModel, null_model
from masktopo.metrics.null_statistics import null_statistics
from masktopo.metrics.registry import FAMILIES, requested

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Wanted", "kept_metrics", "null_findings", "null_scores", "null_table"]

Wanted = Sequence[tuple[Family, frozenset[str]]]
Array = NDArray[np.float64]

NO_PROPERTY = frozenset({"spectral_residual", "eigenvalue_residual", "min_cut_layer"})
"""Columns that say how well a metric was computed, or where it was found."""

KEPT_BY_BOTH = frozenset(
    {
        *("size", "nnz", "density", "layers", "dense_layers", "empty_layers"),
        *("left_nodes", "right_nodes", "nodes"),
    }
)
KEPT_BY_DEGREE = frozenset(
    {
        *("left_nodes_connected", "right_nodes_connected", "expansion_ratio"),
        *("pruned_rows", "pruned_rows_fraction", "pruned_columns", "pruned_columns_fraction"),
    }
)
KEPT_BY_DEGREE_IF_ROLLED = frozenset(
    {"left_degree_mean", "right_degree_mean", "left_degree_max", "right_degree_max"}
)


KEPT_BY_DEGREE_IN_CHANNEL = frozenset({"sink_nodes", "source_nodes", "disconnected_nodes"})


class _Entry(NamedTuple):
    """One number of a network: a row of the table."""

    family: str
    metric: str
    layer: str | None


def null_scores(
    source: Any,
    *,
    against: str = "shuffle",
    metrics: str | Iterable[str] = "all",
    n: int = 100,
    rng: Rng = 0,
    encoding: str = "rolled",
    convention: str = "pags23",
    allow_dense: bool = False,
    threads: int = 1,
    progress: bool | None = None,
) -> "pd.DataFrame":
    """Score every metric of a network against random networks (section 7).

    Parameters
    ----------
    source : path, state dict, dict of masks, torch.nn.Module or MaskSet
        Anything that `load_masks` takes.
    against : {"shuffle", "degree"}
        Random layers with the same number of weights, or with the same degree of every node of
        the rolled graph: 10 accepted swaps an edge. Within each group of a grouped layer. The
        layer's surviving weights are permuted over the drawn edges.
    metrics : str or iterable of str
        Families, metrics or ``"all"``, as for `masktopo.analyze`.
    n : int
        Draws.
    rng : int, Generator or None
        Draw i is a pure function of (seed, layer, i).
    encoding : {"rolled", "channel"}
    convention : {"pags23", "rama23", "mge24"}
    allow_dense : bool
        Accept a file with neither masks nor zeros.
    threads : int
        Threads that share the draws. The table does not depend on it.
    progress : bool, optional
        Whether to show a progress bar; by default where standard error is a terminal.

    Returns
    -------
    DataFrame
        One row a metric and layer, and one a network metric, with columns

        - `layer` (missing for the network), `family`, `metric`, `value`;
        - `mean`, `sd` (with ``n - 1``) of the finite draws, and their number `n_finite`;
        - `z`: ``(value - mean) / sd``; nan with a `reason` if the draws do not differ, or under
          10 are finite, or the value is not;
        - `p`: ``(1 + #{|draw - mean| >= |value - mean|}) / (n_finite + 1)``;
        - `fixed`: the null cannot vary it, as `reason` says: it keeps the metric, or there is
          only one graph like this layer (complete, stars, nested neighbourhoods).

        ``attrs`` holds `against`, `n`, `seed` and `notes`.

    Raises
    ------
    MasktopoError
        A subclass, as for `masktopo.analyze`.

    Notes
    -----
    n times the cost of the metrics, plus some 10 random accesses an edge and swap. Metrics that
    are not defined for a network (paths without a wiring) stay in the table as nan.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> source = {"fc1.weight": rng.random((30, 40)) < 0.3, "fc2.weight": rng.random((9, 30)) < 0.3}
    >>> table = null_scores(source, against="degree", metrics="mu_hat", n=20)
    >>> table[table["metric"] == "mu_hat"].round(2)[["layer", "value", "mean", "sd", "z", "p"]]
      layer  value  mean    sd     z     p
    6   fc1   4.95  4.96  0.17 -0.10  0.95
    7   fc2   3.48  3.54  0.20 -0.32  0.86
    """
    check_choice("encoding", encoding, LAYER_ENCODINGS)
    check_choice("convention", convention, CONVENTIONS)
    check_count("threads", threads)
    wanted = requested(metrics)
    masks = load_masks(source, allow_dense=allow_dense)
    subject = Subject(masks, encoding, convention, threads=threads)
    return null_table(subject, wanted, against=against, n=n, rng=rng, progress=progress)


def null_table(
    subject: Subject,
    wanted: Wanted,
    *,
    against: str,
    n: int = 100,
    rng: Rng = 0,
    progress: bool | None = None,
) -> "pd.DataFrame":
    """Do what `null_scores` does for a subject and families with the metrics wanted of them."""
    import pandas as pd

    check_count("n", n)
    model, seed = null_model(subject.masks, against), root_seed(rng)
    found = [(family, family.compute(subject)) for family, _ in wanted]
    entries = _entries(found, wanted, list(subject.masks))
    values = _values(found, entries, subject)
    draws, short = _draws(subject, wanted, entries, model, n, seed, progress)
    statistics = null_statistics(values, draws)
    fixed = [_why_fixed(entry, model, subject) for entry in entries]
    table = pd.DataFrame(
        {
            "layer": pd.array([entry.layer for entry in entries], dtype="str"),
            "family": [entry.family for entry in entries],
            "metric": [entry.metric for entry in entries],
            "value": values,
            "mean": statistics.mean,
            "sd": statistics.sd,
            "z": np.where(np.array(fixed, dtype=np.str_) == "", statistics.z, np.nan),
            "p": statistics.p,
            "n_finite": statistics.n_finite,
            "fixed": [bool(why) for why in fixed],
            "reason": [why or other for why, other in zip(fixed, statistics.reason, strict=True)],
        }
    )
    table.attrs = {"against": against, "n": n, "seed": seed, "notes": _notes(model, n, seed, short)}
    return table


def kept_metrics(against: str, subject: Subject) -> frozenset[str]:
    """Return the metrics that every draw of a null model shares with the network.

    Degrees of the rolled graph say little of degrees in ``channel``: which nodes have edges, and
    how many weights are at a channel. They say nothing in ``unrolled`` where there is padding,
    since an edge from there is none. Paths along one or two links are sums of products of the
    channels' weights.
    """
    if against != "degree":
        return KEPT_BY_BOTH
    kept = KEPT_BY_BOTH | KEPT_BY_DEGREE
    if subject.encoding == "rolled":
        kept |= KEPT_BY_DEGREE_IF_ROLLED
    if subject.network_encoding == "channel":
        kept |= KEPT_BY_DEGREE_IN_CHANNEL
        if _has_at_most_two_links(subject):
            kept |= {"log10_paths"}
    return kept


def _has_at_most_two_links(subject: Subject) -> bool:
    """Whether layers are used at most twice in all, and each with all of its outputs."""
    if subject.wiring is None:
        return len(subject.masks) <= 2
    uses = [link.use for link in subject.wiring.links if link.use is not None]
    return len(uses) <= 2 and all(use.rows is None for use in uses)


def null_findings(table: "pd.DataFrame", layers: Sequence[str]) -> Findings:
    """Turn a table of `null_table` into columns of a report, ``<metric>_z`` and ``<metric>_p``.

    Metrics that the null model keeps are left out.
    """
    columns: dict[str, Array] = {}
    network: dict[str, float] = {}
    free = table[~table["metric"].isin(_always_fixed(table))]
    for score in ("z", "p"):
        for metric, rows in free[free["layer"].notna()].groupby("metric", sort=False):
            column = rows.set_index("layer")[score].reindex(list(layers))
            columns[f"{metric}_{score}"] = column.to_numpy(dtype=np.float64)
        for row in free[free["layer"].isna()].to_dict("records"):
            network[f"{row['metric']}_{score}"] = row[score]
    return Findings(columns, network, tuple(table.attrs["notes"]))


def _always_fixed(table: "pd.DataFrame") -> list[str]:
    fixed = table.groupby("metric")["fixed"].all()
    return list(fixed.index[fixed])


def _entries(
    found: Sequence[tuple[Family, Findings]], wanted: Wanted, layers: list[str]
) -> list[_Entry]:
    """List every number that was asked for: layer metrics first, then the network's."""
    rows: list[_Entry] = []
    for (family, findings), (_, names) in zip(found, wanted, strict=True):
        for metric, column in findings.layers.items():
            if metric in names - NO_PROPERTY and column.dtype.kind in "biuf":
                rows += [_Entry(family.name, metric, layer) for layer in layers]
    for (family, findings), (_, names) in zip(found, wanted, strict=True):
        for metric, value in findings.network.items():
            if metric in names - NO_PROPERTY and isinstance(value, int | float | np.number):
                rows.append(_Entry(family.name, metric, None))
    return rows


def _values(
    found: Sequence[tuple[Family, Findings]], entries: Sequence[_Entry], subject: Subject
) -> Array:
    """Look the entries up in what the families found."""
    findings = {family.name: result for family, result in found}
    position = {name: index for index, name in enumerate(subject.masks)}
    values = np.empty(len(entries))
    for index, (family, metric, layer) in enumerate(entries):
        if layer is None:
            values[index] = findings[family].network[metric]
        else:
            values[index] = findings[family].layers[metric][position[layer]]
    return values


def _draws(
    subject: Subject,
    wanted: Wanted,
    entries: Sequence[_Entry],
    model: NullModel,
    n: int,
    seed: int,
    progress: bool | None,
) -> tuple[Array, set[str]]:
    """Compute the entries of every draw; also name the layers that could not be swapped enough."""

    def measure(index: int) -> tuple[Array, tuple[str, ...]]:
        draw = model.draw(seed, index)
        drawn = replace(subject, masks=draw.masks, certify=False, threads=1)
        found = [(family, family.compute(drawn)) for family, _ in wanted]
        return _values(found, entries, drawn), draw.short

    draws, short = np.empty((n, len(entries))), set[str]()
    with (
        ThreadPoolExecutor(subject.threads) as pool,
        tqdm(total=n, desc=f"{model.against} null", disable=not shows_progress(progress)) as bar,
    ):
        results = map(measure, range(n)) if subject.threads == 1 else pool.map(measure, range(n))
        for index, (values, unfinished) in enumerate(results):
            draws[index] = values
            short.update(unfinished)
            bar.update()
    return draws, short


def _why_fixed(entry: _Entry, model: NullModel, subject: Subject) -> str:
    """Say why the null model cannot vary this number; empty where it can."""
    if len(model.fixed) == len(subject.masks):
        return "no layer can change"
    if entry.metric in kept_metrics(model.against, subject):
        return f"kept by {model.against}"
    if entry.layer is not None and FAMILIES[entry.family].layerwise:
        return model.fixed.get(entry.layer, "")
    return ""


def _notes(model: NullModel, n: int, seed: int, short: set[str]) -> tuple[str, ...]:
    what = "numbers of weights" if model.against == "shuffle" else "degrees"
    notes = [
        f"z and p compare with {n} random networks of the same {what} a layer, seed {seed}; the "
        "surviving weights are permuted."
    ]
    if model.fixed:
        notes.append(
            f"{len(model.fixed)} of {len(model.masks)} layers cannot change under the null model "
            f"{model.against} and stay as they are: {join_names(model.fixed)}."
        )
    if short:
        notes.append(
            "Swaps are so rare that fewer than 10 an edge were made in 1000 attempts an edge: "
            f"{join_names(sorted(short))}."
        )
    return tuple(notes)
