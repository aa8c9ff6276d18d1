"""What a table of correlations says, in plain lines, whatever it says."""

from typing import Any

import pandas as pd

from masktopo.study.association import METHODS
from masktopo.study.correlate import ONE_GROUP

__all__ = ["findings", "interval_text", "method_label"]


def findings(table: pd.DataFrame) -> list[str]:
    """Tell the strongest and the weakest correlations, and what cannot be told from zero.

    Parameters
    ----------
    table : DataFrame
        As `masktopo.correlate` returns it. Rows over all groups are told; single groups only
        where they are opposite in sign.

    Returns
    -------
    list of str
        Lines to print.

    Examples
    --------
    >>> from masktopo.study.correlate import correlate
    >>> rows = pd.DataFrame({"gap": range(8), "depth": [1] * 8, "accuracy": range(8)})
    >>> print(*findings(correlate(rows, resamples=100)), sep=chr(10))
    Spearman with accuracy, all rows, 1 of 2 metrics:
      strongest: gap +1.00 [1.00, 1.00], adjusted p = 0.0099, n = 8
      every interval leaves out zero
      not computed: depth (the metric is constant (1))
    """
    pooled = table[table["scope"] != ONE_GROUP]
    groups = table[table["scope"] == ONE_GROUP]
    target = table.attrs.get("target", "the target")
    lines: list[str] = []
    for scope, rows in pooled.groupby("scope", sort=False):
        lines += _scope_lines(str(scope), rows, groups, f"{method_label(table)} with {target}")
    return lines


def method_label(table: pd.DataFrame) -> str:
    """Name the coefficient of a table; one that lost its ``attrs`` has just "correlation"."""
    found = table.attrs.get("method")
    return METHODS[found].label if found in METHODS else "correlation"


def interval_text(row: "pd.Series[Any]") -> str:
    """Write a coefficient with its interval, if it has one.

    Examples
    --------
    >>> interval_text(pd.Series({"coefficient": -0.5, "low": -0.75, "high": -0.125}))
    '-0.50 [-0.75, -0.12]'
    """
    if pd.isna(row["low"]):
        return f"{row['coefficient']:+.2f}"
    return f"{row['coefficient']:+.2f} [{row['low']:.2f}, {row['high']:.2f}]"


def _scope_lines(scope: str, rows: pd.DataFrame, groups: pd.DataFrame, what: str) -> list[str]:
    """Tell what the estimates of one scope say."""
    known = rows[rows["coefficient"].notna()].sort_values("coefficient", key=abs, ascending=False)
    head = f"{what}, {scope}, {len(known)} of {len(rows)} metrics:"
    lines = [head, *_extremes(known), *_no_association(known)]
    lines += _contradictions(known, groups)
    missing = rows[rows["coefficient"].isna()]
    if not missing.empty:
        reasons = [f"{row['metric']} ({row['reason']})" for _, row in missing.iterrows()]
        lines.append(f"  not computed: {', '.join(reasons)}")
    return lines


def _extremes(known: pd.DataFrame) -> list[str]:
    """Tell the strongest and, of several, the weakest correlation."""
    lines = [f"  strongest: {_row_text(row)}" for _, row in known.head(1).iterrows()]
    if len(known) > 1:
        lines += [f"  weakest: {_row_text(row)}" for _, row in known.tail(1).iterrows()]
    return lines


def _row_text(row: "pd.Series[Any]") -> str:
    """Write one estimate in a line."""
    p_value = "" if pd.isna(row["p_adjusted"]) else f", adjusted p {_p_text(row['p_adjusted'])}"
    bound = f" in {row['n_clusters']:,} clusters" if row["n_clusters"] < row["n"] else ""
    return f"{row['metric']} {interval_text(row)}{p_value}, n = {row['n']:,}{bound}"


def _p_text(p_value: float) -> str:
    """Write a p-value; the far tail is not known to the digit."""
    return "< 1e-6" if p_value < 1e-6 else f"= {p_value:.2g}"


def _no_association(known: pd.DataFrame) -> list[str]:
    """Name the metrics whose interval includes zero, or say that there are none."""
    judged = known[known["low"].notna()]
    if judged.empty:
        return []
    unclear = judged[(judged["low"] <= 0) & (judged["high"] >= 0)]
    if unclear.empty:
        return ["  every interval leaves out zero"]
    return [f"  cannot be told from zero: {', '.join(unclear['metric'])}"]


def _contradictions(known: pd.DataFrame, groups: pd.DataFrame) -> list[str]:
    """Name the metrics that groups contradict: their intervals lie on zero's other side.

    Of many groups a few do so by chance, so metrics count from one group in twenty.
    """
    found = []
    for _, row in known.iterrows():
        same = groups[(groups["metric"] == row["metric"]) & groups["low"].notna()]
        against = (same["high"] < 0) if row["coefficient"] > 0 else (same["low"] > 0)
        if against.sum() > 0.05 * len(same):
            found.append(f"{row['metric']} ({against.sum()} of {len(same)})")
    return [f"  opposite in single groups: {', '.join(found)}"] if found else []
