"""The report of one analysis: two tables, what they rest on, and ways to keep them."""

import csv
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from masktopo import __version__
from masktopo._files import atomic_write
from masktopo.errors import ArgumentError
from masktopo.metrics.family import Findings

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["TopologyReport", "make_report"]


@dataclass(frozen=True, eq=False)
class TopologyReport:
    """The topology of one network's masks.

    Attributes
    ----------
    layers : DataFrame
        One row a layer, indexed by its name; columns as in the definitions.
    network : Series
        Metrics of the network as a whole.
    notes : tuple of str
        What the reader must know: invalid or collapsed layers, missing weights, assumptions.
    settings : mapping of str to str
        Source, digest, encoding, convention, weights and reference that the numbers rest on.
    """

    layers: pd.DataFrame
    network: "pd.Series[Any]"
    notes: tuple[str, ...]
    settings: Mapping[str, str]

    def __repr__(self) -> str:
        return (
            f"<TopologyReport of {self.settings['source']}: {len(self.layers)} layers, "
            f"{self.layers.shape[1]} columns, {self.network.size} network metrics>"
        )

    def _repr_html_(self) -> str:
        """Show the tables in a notebook."""
        network = self.network.to_frame("value").to_html()
        return f"{network}{self.layers.to_html(max_rows=60)}"

    def to_csv(self, path: str | os.PathLike[str]) -> None:
        """Write the layers' table, preceded by comment lines (``#``) with the settings.

        Texts are in quotes and numbers are not, whatever is in a layer's name or origin. To read
        it back, pandas has to be told that names are texts, and that only in columns of numbers
        nothing means nan.

        Examples
        --------
        >>> import tempfile
        >>> import masktopo
        >>> layers = [masktopo.LayerMask(name, np.eye(4, dtype=bool)) for name in ("#1", "2", "NA")]
        >>> report = masktopo.analyze(masktopo.MaskSet(layers), metrics="spectral")
        >>> path = os.path.join(tempfile.mkdtemp(), "layers.csv")
        >>> report.to_csv(path)
        >>> table = pd.read_csv(
        ...     path,
        ...     comment="#",
        ...     index_col="layer",
        ...     dtype={"layer": str},
        ...     keep_default_na=False,
        ...     na_values={name: [""] for name in report.layers.select_dtypes("number")},
        ... )
        >>> table.index.tolist(), table["mu_hat"].tolist(), table["imdb"].tolist()
        (['#1', '2', 'NA'], [1.0, 1.0, 1.0], [nan, nan, nan])
        """
        head = [f"# masktopo {__version__}"]
        head += [f"# {name}: {' '.join(value.split())}" for name, value in self.settings.items()]
        table = self.layers.to_csv(lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
        text = "\n".join(head) + "\n" + table
        with _written(path) as file:
            file.write(text.encode())

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain Python values; nan and infinities become None or text."""
        return {
            "masktopo": __version__,
            "settings": dict(self.settings),
            "notes": list(self.notes),
            "network": {str(name): _plain(value) for name, value in self.network.items()},
            "layers": [
                {str(column): _plain(value) for column, value in row.items()}
                for row in self.layers.reset_index().to_dict("records")
            ],
        }

    def to_json(self, path: str | os.PathLike[str]) -> None:
        """Write everything as one JSON object (strict JSON: nan is null, -inf is ``"-inf"``)."""
        text = json.dumps(self.to_dict(), indent=1, allow_nan=False, ensure_ascii=False)
        with _written(path) as file:
            file.write(text.encode())

    def to_parquet(self, path: str | os.PathLike[str]) -> None:
        """Write the layers' table as Parquet. Needs the extra ``masktopo[parquet]``."""
        with _written(path) as file:
            self.layers.to_parquet(file)

    def to_html(self, path: str | os.PathLike[str]) -> None:
        """Write one page that needs nothing else: tables, pictures and notes."""
        from masktopo.page import render_page

        with _written(path) as file:
            file.write(render_page(self).encode())

    def plot(self, *, ax: "Axes | None" = None) -> "Axes":
        """Draw the spectral coordinates of the layers, from input to output.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            A new figure's by default.

        Returns
        -------
        matplotlib Axes

        Raises
        ------
        ArgumentError
            If the report holds none of the coordinates.
        """
        from masktopo.pictures import plot_coordinates

        return plot_coordinates(self.layers, ax=ax)


@contextmanager
def _written(path: str | os.PathLike[str]) -> Iterator[IO[bytes]]:
    """Open a file as `atomic_write` does, unless a folder is there."""
    if Path(path).is_dir():
        raise ArgumentError(f"{path} is a folder; expected the name of a file")
    with atomic_write(path) as file:
        yield file


def make_report(
    names: Sequence[str], found: Sequence[Findings], settings: Mapping[str, str]
) -> TopologyReport:
    """Join what the families found into one report; a note of several of them stands once."""
    columns: dict[str, Any] = {}
    network: dict[str, Any] = {}
    notes: list[str] = []
    for findings in found:
        columns.update(findings.layers)
        network.update(findings.network)
        notes.extend(findings.sentences)
    layers = pd.DataFrame(columns, index=pd.Index(names, name="layer"))
    series = pd.Series(network, name="network", dtype=_common_dtype(network))
    return TopologyReport(layers, series, tuple(dict.fromkeys(notes)), dict(settings))


def _common_dtype(values: Mapping[str, Any]) -> str:
    """Numbers share float64, so that arithmetic on the whole series works."""
    numbers = all(isinstance(value, int | float | np.number) for value in values.values())
    return "float64" if numbers else "object"


def _plain(value: Any) -> Any:
    """Turn a NumPy scalar into what strict JSON can hold."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not np.isfinite(value):
        return None if np.isnan(value) else ("inf" if value > 0 else "-inf")
    return value
