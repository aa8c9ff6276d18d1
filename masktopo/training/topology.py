"""The file of a run's topology: a line for every snapshot and layer, appended as they come.

Text is quoted and numbers are not, nan among them: a layer that is called ``1`` stays one, and an
empty text is told from a missing value.
"""

import csv
import io
from pathlib import Path

import pandas as pd

from masktopo._files import atomic_write
from masktopo._lines import append_line, read_lines
from masktopo.errors import RunError
from masktopo.monitor.rows import Row, history_table

__all__ = ["append_topology", "cut_topology", "read_topology", "write_topology"]


def write_topology(rows: pd.DataFrame, path: Path) -> None:
    """Write all rows, whole or not at all."""
    with atomic_write(path) as file:
        file.write(_lines(rows, header=True).encode())


def append_topology(rows: pd.DataFrame, path: Path) -> None:
    """Append rows; they are on disk when this returns."""
    if rows.empty:
        return
    append_line(path, _lines(rows, header=not path.exists()).removesuffix("\n"))


def cut_topology(path: Path, steps: int) -> None:
    """Keep what was measured up to `steps`; nothing where that is 0.

    Raises
    ------
    RunError
        If the file is missing or damaged.
    """
    if not steps:
        path.unlink(missing_ok=True)
        return
    try:
        header, *lines = read_lines(path)
        kept = [line for line in lines if int(line.partition(",")[0]) <= steps]
    except ValueError as error:
        raise RunError(f"{path} is missing or damaged: {error}") from error
    with atomic_write(path) as file:
        file.write("".join(f"{line}\n" for line in (header, *kept)).encode())


def read_topology(path: Path) -> pd.DataFrame:
    """Read the file, every float as it was written.

    Raises
    ------
    RunError
        If it is missing or damaged.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            header, *lines = csv.reader(file, quoting=csv.QUOTE_NONNUMERIC)
        rows: list[Row] = [dict(zip(header, line, strict=True)) for line in lines]
        return history_table(rows).astype({"step": int})
    except (OSError, ValueError, KeyError, csv.Error) as error:
        raise RunError(f"{path} is missing or damaged: {error}") from error


def _lines(rows: pd.DataFrame, *, header: bool) -> str:
    """Write rows as lines; pandas itself would quote what is missing, like text."""
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
    if header:
        writer.writerow(rows.columns)
    writer.writerows(rows.itertuples(index=False, name=None))
    return text.getvalue()
