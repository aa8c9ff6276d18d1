"""From masks to a report: the one call that most users make."""

from collections.abc import Iterable, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from masktopo import __version__
from masktopo._check import check_choice, check_count
from masktopo._progress import shows_progress
from masktopo._random import Rng, root_seed
from masktopo._threads import limited_blas
from masktopo.errors import MaskError, MasktopoError, RunError
from masktopo.graphs.build import find_wiring
from masktopo.graphs.fitting import completed
from masktopo.graphs.wiring import Wiring
from masktopo.layerwise import PartialFile, layers_digests, measure_in_turn
from masktopo.masks.load import load_masks
from masktopo.masks.maskset import MaskSet
from masktopo.metrics.conventions import CONVENTIONS
from masktopo.metrics.family import Family, Findings, Subject, layerwise_findings
from masktopo.metrics.null_masks import NULL_MODELS
from masktopo.metrics.nulls import Wanted, null_findings, null_table
from masktopo.metrics.registry import requested
from masktopo.report import TopologyReport, make_report

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ENCODINGS", "analyze", "analyze_many"]

ENCODINGS = ("rolled", "channel", "unrolled")


def analyze(
    source: Any,
    *,
    metrics: str | Iterable[str] = "all",
    encoding: str = "rolled",
    model: Any = None,
    example_input: Any = None,
    wiring: Wiring | None = None,
    weights: Any = None,
    convention: str = "pags23",
    reference: Any = None,
    against: str | None = None,
    draws: int = 100,
    rng: Rng = 0,
    allow_dense: bool = False,
    certify: bool = False,
    threads: int = 1,
    partial: str | PathLike[str] | None = None,
    progress: bool | None = None,
) -> TopologyReport:
    """Measure the topology of a network's masks, layer by layer and end to end.

    Parameters
    ----------
    source : path, state dict, dict of masks, torch.nn.Module or MaskSet
        Anything that `load_masks` takes. Files are never allowed to run code.
    metrics : str or iterable of str
        Families (``"density"``, ``"spectral"``, ``"paths"``, ``"connectivity"``, ``"expansion"``,
        ``"degrees"``, ``"patterns"``), single metrics, or ``"all"``. Densities always come along.
    encoding : {"rolled", "channel", "unrolled"}
        Layer metrics use ``channel`` when asked, else ``rolled``; end-to-end metrics use
        ``unrolled`` when asked, else ``channel``. ``unrolled`` needs a model or a wiring.
    model : torch.nn.Module, optional
        The network, whose data flow is traced for the end-to-end metrics, and which knows groups
        and transposed convolutions. It is not changed.
    example_input : tensor, tuple or dict of tensors, optional
        What the model takes, batch first; comes with `model`.
    wiring : Wiring, optional
        The data flow in place of a model: what `masktopo.trace` returned. Without either it is
        taken from the order of the layers, where that is no guess.
    weights : path, state dict, torch.nn.Module or MaskSet, optional
        Weights from elsewhere than the masks, for the weighted metrics (PAGS23 uses the
        initialisation). By default the ones that were found beside the masks.
    convention : {"pags23", "rama23", "mge24"}
        How spectral gaps are averaged and which graphs are valid.
    reference : source, optional
        The network from whose coordinates `full_spectrum` is measured; the origin by default.
    against : {"shuffle", "degree"}, optional
        A null model. Every metric that it can vary gets two more columns (and entries of the
        network), ``<metric>_z`` and ``<metric>_p``: see `masktopo.metrics.nulls.null_scores`,
        which gives the full table.
    draws : int
        Draws of the null model.
    rng : int, Generator or None
        Seed of the null model.
    allow_dense : bool
        Accept a file with neither masks nor zeros.
    certify : bool
        Prove that singular values are the two largest, multiplicity included, by dense linear
        algebra; slow for layers whose shorter side has thousands of nodes.
    threads : int
        Threads that share the layers, or the draws; linear algebra takes one of its own. The
        numbers do not depend on it.
    partial : path, optional
        A file for what is found of each layer, as it is found. An analysis that was stopped goes
        on from it. For large files, whose layers are read and measured one after the other.
    progress : bool, optional
        Whether large files show a bar; by default where standard error is a terminal.

    Returns
    -------
    TopologyReport

    Raises
    ------
    MasktopoError
        A subclass that names the file and the layer: see `load_masks`. Unknown metrics,
        encodings and conventions are refused with the list of known ones.

    Notes
    -----
    Time is linear in the edges, with some 10 to 60 passes over a layer for its singular values;
    expansion costs several times that, so ask for ``metrics="spectral"`` where time matters.
    Peak memory beside the masks: the layers' graphs (2 or 4 bytes an edge, 4 or 8 more with
    weights) and one workspace a thread.

    Examples
    --------
    >>> import numpy as np
    >>> import masktopo
    >>> rng = np.random.default_rng(0)
    >>> masks = {"fc1.weight": rng.random((30, 40)) < 0.3, "fc2.weight": rng.random((10, 30)) < 0.3}
    >>> report = masktopo.analyze(masks, metrics=["mu_hat", "effective_nodes"])
    >>> report.layers["mu_hat"].round(3).tolist()
    [4.947, 3.517]
    >>> int(report.network["effective_nodes"])
    80
    """
    check_choice("encoding", encoding, ENCODINGS)
    check_choice("convention", convention, CONVENTIONS)
    check_count("threads", threads)
    _check_null_model(against, draws)
    families = requested(metrics)
    masks, weights_used = _with_weights(load_masks(source, allow_dense=allow_dense), weights)
    known = {"model": model, "example_input": example_input, "wiring": wiring}
    if encoding == "unrolled" or any(value is not None for value in known.values()):
        wiring = find_wiring(masks, **known)
        masks = completed(masks, wiring)
    subject = Subject(
        masks,
        encoding="channel" if encoding == "channel" else "rolled",
        convention=convention,
        reference=None if reference is None else load_masks(reference, allow_dense=True),
        certify=certify,
        threads=threads,
        wiring=wiring,
        network_encoding="unrolled" if encoding == "unrolled" else "channel",
    )
    settings = {
        "source": masks.source,
        "digest": masks.digest,
        "encoding": subject.encoding,
        "network_encoding": subject.network_encoding,
        "convention": convention,
        "weights": weights_used,
        "reference": "origin" if subject.reference is None else subject.reference.source,
        "against": "no null model",
    }
    path = None if partial is None else Path(partial)
    # The sums of BLAS depend on the number of its threads; the layers are shared among ours.
    with limited_blas(1):
        found = _findings(subject, families, settings, path, progress)
        if against is not None:
            table = null_table(subject, families, against=against, n=draws, rng=rng)
            found.append(null_findings(table, list(masks)))
            settings["against"] = f"{against}, {draws} draws, seed {table.attrs['seed']}"
    return make_report(list(masks), found, settings)


def _check_null_model(against: str | None, draws: int) -> None:
    check_count("draws", draws)
    if against is not None:
        check_choice("against", against, NULL_MODELS)


def analyze_many(sources: Iterable[Any], *, n_jobs: int = 1, **options: Any) -> "pd.DataFrame":
    """Analyze many masks into one tidy table.

    Parameters
    ----------
    sources : iterable
        Each is anything that `load_masks` takes.
    n_jobs : int
        Processes that share the networks. The table does not depend on it.
    **options
        As for `analyze`, the same for all.

    Returns
    -------
    DataFrame
        One row a network, in the order of `sources`: `source`, `digest` and the entries of
        ``report.network``.

    Raises
    ------
    MasktopoError
        As for `analyze`, naming the file; `RunError` if a process was killed.

    Examples
    --------
    >>> import numpy as np
    >>> import masktopo
    >>> rng = np.random.default_rng(0)
    >>> networks = [{"fc.weight": rng.random((20, 30)) < density} for density in (0.2, 0.5)]
    >>> masktopo.analyze_many(networks, metrics="density")["nnz"].tolist()
    [115.0, 302.0]
    """
    import pandas as pd
    from joblib import Parallel, delayed
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    check_count("n_jobs", n_jobs)
    # A generator is asked for its seeds here, since in each process there would be a copy of it.
    tasks = ((source, {**options, "rng": root_seed(options.get("rng", 0))}) for source in sources)
    try:
        rows = Parallel(n_jobs=n_jobs)(delayed(_row)(*task) for task in tasks)
    except TerminatedWorkerError as error:
        raise RunError(
            f"a worker process was killed, perhaps for want of memory: {error}"
        ) from error
    return pd.DataFrame(rows)


def _row(source: Any, options: dict[str, Any]) -> dict[str, Any]:
    """Analyze one of many networks; an error names its file."""
    try:
        report = analyze(source, **options)
    except MasktopoError as error:
        if not isinstance(source, str | PathLike) or str(source) in str(error):
            raise
        raise type(error)(f"{source}: {error}") from error
    return {
        "source": report.settings["source"],
        "digest": report.settings["digest"],
        **{str(name): value for name, value in report.network.items()},
    }


def _with_weights(masks: MaskSet, weights: Any) -> tuple[MaskSet, str]:
    """Put masks over the weights that were given, if any; also say in words which they are."""
    if weights is None:
        known = masks.has_weights
        return masks, "as found beside the masks" if known else "none, or not for every layer"
    from masktopo.masks.weights import weights_of

    name = str(weights) if isinstance(weights, str | PathLike) else type(weights).__name__
    given = weights_of(weights)
    try:
        return masks.with_weights(given), f"given: {name}"
    except MaskError as error:
        raise MaskError(f"{name} does not fit {masks.source}: {error}") from error


def _findings(
    subject: Subject,
    families: Wanted,
    settings: Mapping[str, str],
    partial: Path | None,
    progress: bool | None,
) -> list[Findings]:
    """Measure all that is wanted: at once, or one layer after the other."""
    if partial is None and not subject.masks.is_on_demand:
        found = [family.compute(subject) for family, _ in families]
    else:
        identity = {}
        if partial is not None:
            identity = {**settings, **_further_identity(subject, families)}
        file = PartialFile(partial, identity)
        found = _in_turn(subject, [family for family, _ in families], file, progress)
    return [_only(*each) for each in zip(families, found, strict=True)]


def _further_identity(subject: Subject, families: Wanted) -> dict[str, str]:
    """Return what beside its settings makes an analysis the same analysis."""
    reference = subject.reference
    weights, kinds = layers_digests(subject.masks)
    reference_weights = reference_kinds = "none"
    if reference is not None:
        reference_weights, reference_kinds = layers_digests(reference)
    # Of the wiring, single layers take their kinds and groups, and nothing else.
    return {
        "masktopo": __version__,
        "metrics": ", ".join(family.name for family, _ in families),
        "certify": str(subject.certify),
        "reference": "origin" if reference is None else reference.digest,
        "reference_weights": reference_weights,
        "reference_kinds": reference_kinds,
        "weights_digest": weights,
        "kinds_and_groups": kinds,
    }


def _in_turn(
    subject: Subject, families: Sequence[Family], partial: PartialFile, progress: bool | None
) -> list[Findings]:
    """Measure one layer after the other where that is possible."""
    layerwise = [family for family in families if family.layerwise]
    measured = measure_in_turn(subject, layerwise, partial, progress=shows_progress(progress))
    return [
        layerwise_findings(family, subject, measured[family.name])
        if family.layerwise
        else family.compute(subject)
        for family in families
    ]


def _only(request: tuple[Family, frozenset[str]], found: Findings) -> Findings:
    """Keep the metrics that were asked for, in the family's order."""
    family, wanted = request
    return Findings(
        layers={name: found.layers[name] for name in family.layer_metrics if name in wanted},
        network={name: found.network[name] for name in family.network_metrics if name in wanted},
        notes=found.notes,
        remarks=found.remarks,
    )
