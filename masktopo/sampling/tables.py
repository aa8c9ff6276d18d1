"""The tables of a result as CSV files, from which every value is read back as it was."""

from pathlib import Path

import numpy as np
import pandas as pd

from masktopo._files import atomic_write
from masktopo.errors import RunError

__all__ = ["read_table", "write_table"]

_COUNTS = ("candidate", "winner", "nnz", "nnz_unrepaired", "subgraphs")
_FLAGS = ("valid", "accepted", "fell")
_WORDS = ("layer", "digest")


def write_table(path: Path, table: pd.DataFrame) -> None:
    """Write the columns of `table`, without its index."""
    with atomic_write(path) as file:
        file.write(table.to_csv(index=False, na_rep="nan").encode())


def read_table(path: Path) -> pd.DataFrame:
    """Read a table of the columns that results have; all that are no others are floats.

    Raises
    ------
    RunError
        If the file is missing or damaged.
    """
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
        return pd.DataFrame({name: _typed(str(name), table[name]) for name in table})
    except (OSError, ValueError) as error:
        raise RunError(f"{path} is missing or damaged: {error}") from error


def _typed(name: str, words: "pd.Series[str]") -> "pd.Series":
    """Turn text into the values of a column; Python's own parser loses no digit."""
    if name in _WORDS:
        return words.astype("str")
    if name in _FLAGS:
        return words == "True"
    dtype = np.int64 if name in _COUNTS else np.float64
    return pd.Series(words.to_numpy(dtype=object).astype(dtype), index=words.index)
