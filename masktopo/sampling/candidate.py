"""One candidate's values, layer by layer: all that is kept of it."""

import json
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from masktopo.masks.maskset import MaskSet
from masktopo.metrics.spectral import COORDINATES
from masktopo.training.folder import with_checksum, without_checksum

__all__ = ["Candidate", "candidate_table", "read_candidate", "write_candidate"]

_ARRAYS = ("nnz", "values", "subgraphs", "valid", "full_spectrum", "score")
_DTYPES = {"nnz": np.int64, "subgraphs": np.int64, "valid": np.bool_}


@dataclass(frozen=True, eq=False)
class Candidate:
    """A sampled mask as numbers; the mask itself is drawn again when it wins.

    Parameters
    ----------
    index : int
        Its sample; 0 is the ticket.
    digest : str
        Of its masks.
    nnz : ndarray of int64, shape (n_layers,)
        Weights kept.
    values : ndarray of float64, shape (n_layers, 4)
        Columns as in `masktopo.metrics.spectral.COORDINATES`.
    subgraphs : ndarray of int64, shape (n_layers,)
        Valid left-regular subgraphs.
    valid : ndarray of bool, shape (n_layers,)
        Whether the coordinate is valid.
    full_spectrum : ndarray of float64, shape (n_layers,)
        Distance of the coordinate from the reference.
    score : ndarray of float64, shape (n_layers,)
        What the selection goes by; `full_spectrum` by default.
    """

    index: int
    digest: str
    nnz: NDArray[np.int64]
    values: NDArray[np.float64]
    subgraphs: NDArray[np.int64]
    valid: NDArray[np.bool_]
    full_spectrum: NDArray[np.float64]
    score: NDArray[np.float64]

    @property
    def imdb(self) -> NDArray[np.float64]:
        """The `imdb` of every layer."""
        return self.values[:, COORDINATES.index("imdb")]

    @property
    def columns(self) -> dict[str, NDArray[Any]]:
        """The values by name, each of shape (n_layers,)."""
        return {
            "nnz": self.nnz,
            **dict(zip(COORDINATES, self.values.T, strict=True)),
            "full_spectrum": self.full_spectrum,
            "subgraphs": self.subgraphs,
            "valid": self.valid,
            "score": self.score,
        }


def write_candidate(candidate: Candidate, run: str) -> str:
    """Return one line of JSON, from which every number is read back as it was.

    Parameters
    ----------
    candidate : Candidate
    run : str
        Digest of the settings of its run (`masktopo.sampling.settings.PagsSettings.digest`).
    """
    record = {field.name: _plain(getattr(candidate, field.name)) for field in fields(candidate)}
    return json.dumps(with_checksum({"run": run, **record}))


def read_candidate(line: str) -> tuple[Candidate, str]:
    """Return the candidate of one line, and the run that it is of.

    Raises
    ------
    ValueError
        If the line is not as it was written.
    """
    try:
        record = without_checksum(json.loads(line))
        arrays: dict[str, Any] = {
            name: np.array(record[name], dtype=_DTYPES.get(name, np.float64)) for name in _ARRAYS
        }
        return Candidate(record["index"], record["digest"], **arrays), record["run"]
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(str(error)) from error


def candidate_table(
    candidates: list[Candidate], accepted: NDArray[np.bool_], masks: MaskSet
) -> pd.DataFrame:
    """Return the history: a row a candidate and layer, candidates in order."""
    names = list(masks)
    columns = [candidate.columns for candidate in candidates]
    table = pd.DataFrame(
        {
            "candidate": np.repeat([candidate.index for candidate in candidates], len(names)),
            "layer": names * len(candidates),
            **{name: np.concatenate([row[name] for row in columns]) for name in columns[0]},
            "accepted": accepted.ravel(),
            "digest": np.repeat([candidate.digest for candidate in candidates], len(names)),
        }
    )
    return table.astype({"layer": "str", "digest": "str"})


def _plain(value: Any) -> Any:
    return value.tolist() if isinstance(value, np.ndarray) else value
