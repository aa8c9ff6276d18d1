import pandas as pd

from masktopo.study.correlate import correlate
from masktopo.study.findings import findings, interval_text
from tests.study.tables import study_table


def test_tells_the_strongest_the_weakest_and_what_was_not_found():
    table = correlate(study_table(), groups="density", cluster=["method", "density"])
    lines = findings(table.drop(table.index[table["metric"] == "seed"]))
    assert lines[0] == "Spearman with accuracy, within density, 3 of 4 metrics:"
    assert lines[1].startswith("  strongest: gap +0.89 [0.")
    assert lines[1].endswith("n = 54 in 18 clusters")
    assert lines[2].startswith("  weakest: ")
    assert lines[3].startswith("  cannot be told from zero: ")
    assert "noise" in lines[3]
    assert lines[-1] == "  not computed: constant (no group has a coefficient)"


def test_tells_which_groups_are_opposite():
    df = study_table()
    turned = df["density"] == 0.3
    df.loc[turned, "gap"] = -df.loc[turned, "gap"]
    table = correlate(df, groups="density", metrics=["gap"])
    assert "  opposite in single groups: gap (1 of 3)" in findings(table)


def test_every_scope_is_told_even_of_a_table_without_attrs():
    df = study_table()
    tables = [correlate(df, metrics=["gap"], groups=by, resamples=50) for by in ([], ["density"])]
    lines = findings(pd.concat(tables))
    heads = [line for line in lines if not line.startswith(" ")]
    assert heads == [
        "correlation with the target, all rows, 1 of 1 metrics:",
        "correlation with the target, within density, 1 of 1 metrics:",
    ]


def test_a_coefficient_without_interval_stands_alone():
    row = pd.Series({"coefficient": 0.25, "low": float("nan"), "high": float("nan")})
    assert interval_text(row) == "+0.25"


def test_tiny_p_values_are_bounds():
    df = pd.DataFrame({"gap": range(60), "accuracy": range(60)})
    assert "adjusted p < 1e-6" in findings(correlate(df, resamples=100))[1]
