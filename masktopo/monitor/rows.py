"""The history of a monitor: rows from reports, and the table that they make."""

from collections.abc import Hashable, Iterable
from typing import Any

import numpy as np
import pandas as pd

from masktopo.report import TopologyReport

__all__ = ["NETWORK", "Row", "history_table", "rows_of"]

NETWORK = "(network)"
"""What stands for the network as a whole where layers are named; no layer is named so."""

Row = dict[Hashable, Any]


def rows_of(step: int, report: TopologyReport) -> list[Row]:
    """Return a row for every layer, and a last one for the network as a whole."""
    named = [*report.layers.to_dict("index").items(), (NETWORK, report.network.to_dict())]
    return [
        {"step": step, "layer": name, **{key: _value(found) for key, found in values.items()}}
        for name, values in named
    ]


def history_table(rows: Iterable[Row]) -> pd.DataFrame:
    """Make the table of rows; a metric that a row lacks is nan there."""
    table = pd.DataFrame(list(rows))
    return table if len(table) else pd.DataFrame(columns=["step", "layer"])


def _value(found: Any) -> Any:
    """Make numbers of counts and truths, since both share their columns with nan."""
    return float(found) if isinstance(found, bool | int | float | np.generic) else found
