"""Columns of a user's table: named, checked, and turned into arrays."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from masktopo._check import join_names
from masktopo.errors import ArgumentError
from masktopo.study.association import FloatArray, IntArray

Dtype = np.dtype[Any] | pd.api.extensions.ExtensionDtype

__all__ = ["check_columns", "check_table", "distinct", "group_rows", "numbers", "numeric_columns"]


def check_table(role: str, table: object) -> None:
    """Raise unless `table` is a DataFrame."""
    if not isinstance(table, pd.DataFrame):
        raise ArgumentError(f"{role} takes a DataFrame, not a {type(table).__name__}")


def check_columns(df: pd.DataFrame, role: str, names: Sequence[str]) -> None:
    """Raise unless every one of `names` is one column of `df`, named once."""
    for name in names:
        if not isinstance(name, str):
            raise ArgumentError(f"{role}: a column's name must be text, not {name!r}")
    missing = [name for name in names if name not in df.columns]
    if missing:
        raise ArgumentError(
            f"{role}: the table has no column {join_names(map(repr, missing))}; "
            f"its columns are {join_names(map(str, df.columns), most=30)}"
        )
    for name in names:
        if list(df.columns).count(name) > 1:
            raise ArgumentError(f"{role}: the table has more than one column {name!r}")
        if list(names).count(name) > 1:
            raise ArgumentError(f"{role}: column {name!r} is named twice")


def numeric_columns(df: pd.DataFrame, without: Sequence[str]) -> list[str]:
    """List the columns that hold real numbers, in the table's order."""
    dtypes = zip(df.columns, df.dtypes, strict=True)
    return [name for name, dtype in dtypes if name not in without and _is_real(dtype)]


def numbers(df: pd.DataFrame, role: str, name: str) -> FloatArray:
    """Return a column as float64, missing values as nan, or raise if it holds no numbers."""
    column = df[name]
    if not _is_real(column.dtype):
        raise ArgumentError(
            f"{role}: column {name!r} is not numeric (dtype {column.dtype}); "
            "pandas.to_numeric turns text into numbers"
        )
    return column.to_numpy(dtype=np.float64, na_value=np.nan)


def _is_real(dtype: Dtype) -> bool:
    """Say whether a dtype holds real numbers (or truth values, as 0 and 1)."""
    kind = pd.api.types
    return kind.is_numeric_dtype(dtype) and not kind.is_complex_dtype(dtype)


def distinct(df: pd.DataFrame, role: str, name: str) -> list[object]:
    """Return the values of a column in their order, or raise if they have none."""
    try:
        return list(pd.factorize(df[name], sort=True)[1])
    except TypeError as error:
        raise ArgumentError(
            f"{role}: the values of column {name!r} must be numbers or text, so that they can be "
            f"sorted ({error})"
        ) from error


def group_rows(
    df: pd.DataFrame, role: str, names: Sequence[str]
) -> tuple[IntArray, list[tuple[object, ...]]]:
    """Give the rows numbers by their values in the columns `names`, and list the values in order.

    Without names all rows are one group, whose key is empty.
    """
    for name in names:
        missing = int(df[name].isna().sum())
        if missing:
            raise ArgumentError(
                f"{role}: column {name!r} has {missing} missing values; drop or fill these rows"
            )
        distinct(df, role, name)
    if not names:
        return np.zeros(len(df), dtype=np.int64), [()]
    grouped = df.groupby(list(names), sort=True, observed=True)
    return grouped.ngroup().to_numpy().astype(np.int64), [key for key, _ in grouped]
