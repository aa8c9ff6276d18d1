import itertools

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from masktopo.errors import ArgumentError
from masktopo.study.correlate import COLUMNS, correlate
from tests.naive import correlation as naive
from tests.study.tables import study_table

METRICS = ["gap", "noise", "paths"]
CELL = ["method", "density"]


def test_one_row_a_group_and_metric_and_one_over_all_groups():
    table = correlate(study_table(), groups=["density"], metrics=METRICS, resamples=50)
    assert list(table.columns) == ["density", *COLUMNS]
    groups, pooled = table.iloc[:9], table.iloc[9:]
    assert list(zip(groups["density"], groups["metric"], strict=True)) == list(
        itertools.product([0.02, 0.1, 0.3], METRICS)
    )
    assert set(groups["scope"]) == {"group"}
    assert set(pooled["scope"]) == {"within density"}
    assert pooled["density"].isna().all()
    assert list(pooled["n"]) == [54, 54, 54]


@pytest.mark.parametrize("method", ["spearman", "kendall", "pearson"])
def test_coefficients_are_scipys(method):
    df = study_table()
    table = correlate(df, groups="density", metrics=METRICS, method=method, resamples=20)
    for _, row in table[table["scope"] == "group"].iterrows():
        part = df[df["density"] == row["density"]]
        expected = naive.coefficient(method, part[row["metric"]], part["accuracy"])
        assert row["coefficient"] == pytest.approx(expected, rel=1e-10)


def test_without_groups_all_rows_are_one():
    table = correlate(study_table(), metrics="gap", resamples=50)
    expected = stats.spearmanr(study_table()["gap"], study_table()["accuracy"]).statistic
    assert list(table["scope"]) == ["all rows"]
    assert list(table.columns) == list(COLUMNS)
    assert table["coefficient"][0] == pytest.approx(expected, rel=1e-10)
    pd.testing.assert_frame_equal(
        table, correlate(study_table(), metrics=["gap"], groups=[], resamples=50)
    )


def test_pooled_estimate_is_the_mean_of_groups_weighted_by_rows():
    df = study_table().drop(index=range(7))
    table = correlate(df, groups="density", metrics=["gap"], resamples=50)
    groups, pooled = table.iloc[:-1], table.iloc[-1]
    expected = np.average(groups["coefficient"], weights=groups["n"])
    assert list(groups["n"]) == [11, 18, 18]
    assert pooled["coefficient"] == pytest.approx(expected, rel=1e-12)


def test_simpson_what_holds_in_every_group_can_be_opposite_over_all_rows():
    df = study_table()
    over_all = correlate(df, metrics=["gap"], resamples=50)["coefficient"].iloc[0]
    within = correlate(df, groups="density", metrics=["gap"], resamples=50)["coefficient"]
    assert over_all < -0.5
    assert (within > 0.5).all()


def test_nothing_depends_on_the_order_of_rows_or_on_other_metrics():
    df = study_table()
    options = {"groups": ["density"], "cluster": CELL, "resamples": 60, "rng": 3}
    table = correlate(df, metrics=METRICS, **options)
    shuffled = df.sample(frac=1, random_state=1)
    pd.testing.assert_frame_equal(table, correlate(shuffled, metrics=METRICS, **options))
    alone = correlate(df, metrics=["noise"], **options)
    part = table[table["metric"] == "noise"].reset_index(drop=True)
    columns = [name for name in table.columns if name != "p_adjusted"]
    pd.testing.assert_frame_equal(part[columns], alone[columns])


def test_seeds_change_intervals_and_not_coefficients():
    first, second = (correlate(study_table(), metrics=METRICS, rng=seed) for seed in (0, 1))
    assert (first["coefficient"] == second["coefficient"]).all()
    assert (first["low"] != second["low"]).all()
    assert first.attrs["seed"] == 0
    generator = correlate(study_table(), metrics=METRICS, rng=np.random.default_rng(0))
    again = correlate(study_table(), metrics=METRICS, rng=generator.attrs["seed"])
    pd.testing.assert_frame_equal(generator, again)


def test_clusters_widen_intervals_and_raise_p_values():
    df = study_table()
    rows = correlate(df, metrics=["gap"], groups="density").iloc[-1]
    clusters = correlate(df, metrics=["gap"], groups="density", cluster=CELL).iloc[-1]
    assert (rows["n_clusters"], clusters["n_clusters"]) == (54, 18)
    assert clusters["high"] - clusters["low"] > 1.15 * (rows["high"] - rows["low"])
    assert clusters["p_value"] > rows["p_value"]


def test_p_values_are_adjusted_over_all_rows():
    table = correlate(study_table(), groups="density", metrics=[*METRICS, "constant"])
    known = table["p_value"].notna()
    expected = stats.false_discovery_control(table.loc[known, "p_value"])
    np.testing.assert_array_equal(table.loc[known, "p_adjusted"], expected)
    assert table.loc[~known, "p_adjusted"].isna().all()
    assert (~known).sum() == 4


def test_by_default_every_numeric_column_without_a_role():
    table = correlate(study_table(), groups="density", cluster=["method", "seed"], resamples=20)
    assert table.attrs["metrics"] == ["gap", "noise", "paths", "constant"]


def one_row(df, **options):
    return correlate(df, resamples=200, **options).iloc[0]


def test_constants_say_so():
    df = study_table()
    row = one_row(df, metrics="constant")
    assert row["reason"] == "the metric is constant (4)"
    assert (row["n"], row["n_left_out"]) == (0, 54)
    assert np.isnan([row["coefficient"], row["low"], row["high"], row["p_value"]]).all()
    row = one_row(df, metrics="gap", target="constant")
    assert row["reason"] == "the target is constant (4)"
    table = correlate(df, groups="density", metrics="constant", resamples=20)
    assert table["reason"].iloc[-1] == "no group has a coefficient"


def test_few_rows_say_so():
    df = study_table().head(4)
    assert one_row(df, metrics="gap")["reason"] == "fewer than 5 rows with both values"
    df = study_table().assign(gap=np.nan)
    assert one_row(df, metrics="gap")["reason"] == "no rows with both values"


def test_few_clusters_have_a_coefficient_and_no_interval():
    df = study_table()
    row = one_row(df, metrics="gap", cluster="density")
    assert row["reason"] == "no interval and p-value: fewer than 5 clusters"
    assert row["n_clusters"] == 3
    assert np.isfinite(row["coefficient"])
    assert np.isnan([row["low"], row["high"], row["p_value"], row["p_adjusted"]]).all()


def test_clusters_of_unlike_sizes_have_no_p_value():
    df = pd.DataFrame({"cell": np.repeat(range(6), range(1, 7))})
    df["accuracy"], df["gap"] = np.random.default_rng(0).normal(size=(2, len(df)))
    row = one_row(df, metrics="gap", cluster="cell")
    assert row["reason"] == "no p-value: fewer than 5 clusters of equal layout"
    assert np.isfinite(row["low"])
    assert np.isnan(row["p_value"])


def test_degenerate_resamples_are_counted_and_too_many_give_no_interval():
    df = pd.DataFrame({"gap": [1.0] + [0.0] * 19, "accuracy": np.arange(20.0)})
    row = one_row(df, metrics="gap")
    # The one row that differs is missed by (19/20)^20 = 36 % of resamples.
    assert 50 < row["degenerate"] < 95
    assert row["reason"] == f"no interval: {row['degenerate'] / 200:.0%} of resamples were constant"
    assert np.isnan(row["low"])
    assert np.isfinite(row["p_value"])


def test_a_few_degenerate_resamples_leave_the_interval():
    df = pd.DataFrame({"gap": [0.0] * 5 + [1.0] * 3, "accuracy": np.arange(8.0)})
    row = one_row(df, metrics="gap", rng=1)
    assert 0 < row["degenerate"] <= 10
    assert np.isfinite(row["low"])


def test_groups_without_a_coefficient_are_left_out_and_counted():
    df = study_table()
    df.loc[df["density"] == 0.02, "gap"] = np.nan
    pooled = correlate(df, groups="density", metrics="gap", resamples=50).iloc[-1]
    assert pooled["reason"] == "1 of 3 groups left out"
    assert (pooled["n"], pooled["n_left_out"]) == (36, 18)


def test_missing_values_leave_a_row_out_of_one_metric_alone():
    df = study_table()
    df.loc[[0, 5], "gap"] = np.nan
    df.loc[9, "accuracy"] = np.nan
    table = correlate(df, metrics=["gap", "noise"], resamples=20)
    assert list(table["n"]) == [51, 53]
    assert list(table["n_left_out"]) == [3, 1]
    kept = df.dropna(subset=["gap", "accuracy"])
    expected = stats.spearmanr(kept["gap"], kept["accuracy"]).statistic
    assert table["coefficient"][0] == pytest.approx(expected, rel=1e-10)


def test_infinite_values_are_ranked_but_not_correlated_by_pearson():
    df = study_table()
    df.loc[[0, 5], "paths"] = -np.inf
    assert one_row(df, metrics="paths")["n"] == 54
    assert one_row(df, metrics="paths", method="kendall")["n"] == 54
    assert one_row(df, metrics="paths", method="pearson")["n"] == 52


def test_nullable_and_truth_columns_are_numbers():
    df = study_table()
    df["whole"] = pd.array([*range(53), None], dtype="Int64")
    df["valid"] = df["gap"] > df["gap"].median()
    table = correlate(df, metrics=["whole", "valid"], resamples=20)
    assert list(table["n"]) == [53, 54]
    assert np.isfinite(table["coefficient"]).all()


def test_the_table_is_left_as_it_was():
    df = study_table()
    correlate(df, groups="density", cluster=CELL, resamples=20, metrics=METRICS)
    pd.testing.assert_frame_equal(df, study_table())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"target": "loss"}, "target: the table has no column 'loss'; its columns are network"),
        ({"groups": ["density", "depth"]}, "groups: the table has no column 'depth'"),
        ({"cluster": "run"}, "cluster: the table has no column 'run'"),
        ({"metrics": ["gap", "imdb"]}, "metrics: the table has no column 'imdb'"),
        ({"metrics": ["gap", "gap"]}, "metrics: column 'gap' is named twice"),
        ({"metrics": ["method"]}, "metrics: column 'method' is not numeric"),
        ({"target": "method"}, "target: column 'method' is not numeric"),
        ({"metrics": []}, "metrics: the table has no numeric column to correlate"),
        ({"method": "cosine"}, "method='cosine' is not one of 'spearman', 'kendall', 'pearson'"),
        ({"resamples": 0}, "resamples must be at least 1, not 0"),
        ({"groups": 2}, "groups must be the name of a column or several, not 2"),
        ({"metrics": 3}, "metrics must be the name of a column or several, not 3"),
        ({"cluster": [2]}, "cluster: a column's name must be text, not 2"),
        ({"metrics": [["gap"]]}, r"metrics: a column's name must be text, not \['gap'\]"),
        ({"target": ["accuracy"]}, r"target: a column's name must be text, not \['accuracy'\]"),
        ({"confidence": "0.95"}, "confidence must lie between 0 and 1, not '0.95'"),
        ({"confidence": None}, "confidence must lie between 0 and 1, not None"),
        ({"confidence": 95}, "confidence must lie between 0 and 1, not 95"),
        ({"rng": -1}, "rng must not be negative"),
    ],
)
def test_wrong_arguments_are_named(options, message):
    with pytest.raises(ArgumentError, match=message):
        correlate(study_table(), **options)


def test_wrong_tables_are_named():
    df = study_table()
    with pytest.raises(ArgumentError, match="takes a DataFrame, not a dict"):
        correlate({"accuracy": [1]})
    with pytest.raises(ArgumentError, match="the table has no rows"):
        correlate(df.head(0))
    with pytest.raises(ArgumentError, match="more than one column 'gap'"):
        correlate(pd.concat([df, df["gap"]], axis=1), metrics=["gap"])
    with pytest.raises(ArgumentError, match="more than one column 'gap'"):
        correlate(pd.concat([df, df["gap"]], axis=1))
    with pytest.raises(ArgumentError, match="column 'metric' has the name of a column of the res"):
        correlate(df.rename(columns={"method": "metric"}), groups=["metric"])
    df.loc[3, "method"] = None
    with pytest.raises(ArgumentError, match="cluster: column 'method' has 1 missing values"):
        correlate(df, cluster=["method"])


def test_columns_without_a_name_in_text_are_named():
    df = study_table().rename(columns={"density": 2})
    for options in ({"groups": [2]}, {"target": 2}, {}):
        with pytest.raises(ArgumentError, match="a column's name must be text, not 2"):
            correlate(df, **options)


@pytest.mark.parametrize("values", [[[1], [2]], [(1,), 2], [pd.Timestamp(0), 2]])
@pytest.mark.parametrize("role", ["groups", "cluster"])
def test_groups_that_cannot_be_sorted_are_named(role, values):
    df = study_table()
    df["cell"] = pd.Series(values * 27, dtype=object)
    with pytest.raises(ArgumentError, match=f"{role}: the values of column 'cell' must be numbers"):
        correlate(df, metrics="gap", **{role: "cell"})


def test_groups_of_numbers_and_text_have_an_order_of_their_own():
    df = study_table()
    df["cell"] = pd.Series(["b", 2, "a", 1.5, 1, 3] * 9, dtype=object)
    options = {"groups": "cell", "metrics": "gap", "resamples": 30}
    table = correlate(df, **options)
    assert list(table["cell"][:6]) == [1, 1.5, 2, 3, "a", "b"]
    pd.testing.assert_frame_equal(table, correlate(df[::-1], **options))
    pd.testing.assert_frame_equal(table, correlate(df.sample(frac=1, random_state=0), **options))
