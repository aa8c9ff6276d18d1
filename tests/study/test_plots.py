import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from masktopo.errors import ArgumentError
from masktopo.study.correlate import correlate
from masktopo.study.plots import plot_correlations, plot_scatter
from tests.study.tables import study_table


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def table():
    df = study_table()
    df.loc[:2, "noise"] = np.nan
    metrics = ["gap", "noise", "paths", "constant"]
    return correlate(df, groups="density", metrics=metrics, resamples=100)


def labels_of(ax):
    return [tick.get_text() for tick in ax.get_yticklabels()]


def assert_nothing_is_clipped(ax):
    figure = ax.figure
    figure.canvas.draw()
    renderer = figure.canvas.get_renderer()
    low, high = ax.get_ylim()
    ticks = [tick for tick in ax.get_yticklabels() if low <= tick.get_position()[1] <= high]
    texts = [*ticks, ax.xaxis.label, ax.yaxis.label, ax.title, *ax.texts]
    texts += [ax._left_title, *(ax.get_legend().get_texts() if ax.get_legend() else [])]
    for text in filter(lambda text: text.get_text(), texts):
        box = text.get_window_extent(renderer)
        assert box.x0 >= -1, text.get_text()
        assert box.y0 >= -1, text.get_text()
        assert box.x1 <= figure.bbox.x1 + 1, text.get_text()
        assert box.y1 <= figure.bbox.y1 + 1, text.get_text()


def test_metrics_go_from_positive_to_negative_and_missing_ones_last(table):
    ax = plot_correlations(table)
    names = labels_of(ax)
    within = table[table["scope"] == "within density"].set_index("metric")["coefficient"]
    order = within.dropna().sort_values(ascending=False).index
    assert names[0] == order[0] == "gap"
    assert [name.split(" ")[0] for name in names] == [*order, "constant"]
    assert "noise (n = 51)" in names
    assert [text.get_text() for text in ax.texts] == ["no group has a coefficient"]
    assert ax.get_xlabel() == "Spearman correlation with accuracy\n95 % intervals, n = 54"


def test_dots_stand_at_the_coefficients_and_whiskers_at_the_intervals(table):
    ax = plot_correlations(table)
    within = table[table["scope"] == "within density"].dropna(subset=["coefficient"])
    drawn = next(line for line in ax.lines if line.get_label() == "within density")
    assert drawn.get_xdata().tolist() == within["coefficient"].tolist()
    segments = np.array(ax.collections[0].get_segments())
    np.testing.assert_array_equal(segments[:, :, 0], within[["low", "high"]])
    np.testing.assert_array_equal(segments[:, 0, 1], drawn.get_ydata())
    heights = [line.get_ydata()[0] for line in ax.lines[1:]]
    assert len(heights) == 4
    assert heights == sorted(set(heights), reverse=True)


def test_few_groups_are_named_and_many_are_grey_dots(table):
    legend = [text.get_text() for text in plot_correlations(table).get_legend().get_texts()]
    assert legend == ["within density", "density 0.02", "density 0.1", "density 0.3"]
    df = study_table(seeds=5)
    many = correlate(df, groups=["density", "method"], metrics=["gap"], resamples=20)
    legend = [text.get_text() for text in plot_correlations(many).get_legend().get_texts()]
    assert legend == ["within density, method", "each density, method (18 groups)"]


def test_scopes_of_concatenated_tables_are_told_apart(table):
    both = pd.concat([correlate(study_table(), metrics=["gap"], resamples=50), table])
    ax = plot_correlations(both)
    legend = [text.get_text() for text in ax.get_legend().get_texts()]
    assert legend[:2] == ["all rows", "within density"]
    assert ax.get_xlabel() == "correlation with the target\nn = 54"


def test_a_table_read_back_from_csv_is_drawn(table, tmp_path):
    table.to_csv(tmp_path / "table.csv", index=False)
    back = plot_correlations(pd.read_csv(tmp_path / "table.csv"))
    assert labels_of(back) == labels_of(plot_correlations(table))


def test_groups_alone_are_sorted_by_their_mean(table):
    groups = table[table["scope"] == "group"]
    assert labels_of(plot_correlations(groups))[0] == "gap"


def test_nothing_is_clipped(table):
    assert_nothing_is_clipped(plot_correlations(table))
    longer = table.replace({"metric": {"gap": "a_metric_with_a_very_long_name_indeed"}})
    assert_nothing_is_clipped(plot_correlations(longer))
    df = study_table()
    wide = correlate(df, groups=["network", "kind", "density"], metrics=["gap"], resamples=50)
    assert_nothing_is_clipped(plot_correlations(wide))
    assert_nothing_is_clipped(plot_scatter(df, "gap", hue="method", table=wide))


def test_draws_on_a_given_axis_and_leaves_settings_alone(table):
    _, (left, right) = plt.subplots(1, 2)
    with mpl.rc_context({"font.size": 17, "axes.spines.top": True}):
        before = dict(mpl.rcParams)
        assert plot_correlations(table, ax=left) is left
        assert plot_scatter(study_table(), "gap", ax=right) is right
        assert dict(mpl.rcParams) == before
    assert len(plt.get_fignums()) == 1


def test_scatter_draws_every_network_and_quotes_the_estimates(table):
    df = study_table()
    ax = plot_scatter(df, "gap", hue="density", table=table)
    points = np.concatenate([np.asarray(dots.get_offsets()) for dots in ax.collections])
    assert sorted(map(tuple, points)) == sorted(zip(df["gap"], df["accuracy"], strict=True))
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["0.02", "0.1", "0.3"]
    row = table[table["scope"] == "within density"].iloc[0]
    interval = f"[{row['low']:.2f}, {row['high']:.2f}]"
    title = f"Spearman, within density: {row['coefficient']:+.2f} {interval}, n = 54"
    assert ax.get_title(loc="left") == title


def test_scatter_names_what_it_cannot_draw():
    df = study_table()
    df.loc[[0, 1], "paths"] = -np.inf
    df.loc[df["density"] == 0.3, "paths"] = np.nan
    df.loc[4, "method"] = None
    ax = plot_scatter(df, "paths", hue="density")
    assert ax.get_xlabel() == "paths (2 infinite, not drawn)"
    assert ax.get_legend().get_texts()[-1].get_text() == "0.3 (no values)"
    ax = plot_scatter(df, "gap", hue="method")
    assert ax.get_legend().get_texts()[-1].get_text() == "missing"


def test_scatter_of_a_constant_says_why_there_is_no_coefficient():
    ax = plot_scatter(study_table(), "constant")
    assert "the metric is constant (4)" in ax.get_title(loc="left")


def test_scatter_with_many_numbers_as_hue_has_a_colour_bar():
    ax = plot_scatter(study_table(), "gap", hue="noise")
    assert ax.get_legend() is None
    assert ax.figure.axes[-1].get_ylabel() == "noise"


@pytest.mark.parametrize(
    ("values", "scale"),
    [
        ([1, 10, 100, 1e3, 1e4], "log"),
        ([0, 1, 2, 3, 1e5], "symlog"),
        ([-1, 1, 5, 9, 1e5], "linear"),
    ],
)
def test_scatter_spreads_out_unequal_values(values, scale):
    df = pd.DataFrame({"gap": values, "accuracy": range(5)})
    assert plot_scatter(df, "gap").get_xscale() == scale


def test_wrong_tables_are_named(table):
    with pytest.raises(
        ArgumentError, match=r"not a table of masktopo\.correlate: it has no column"
    ):
        plot_correlations(study_table())
    with pytest.raises(ArgumentError, match="has no rows"):
        plot_correlations(table.head(0))
    with pytest.raises(ArgumentError, match="hue: the table has no column 'pruner'"):
        plot_scatter(study_table(), "gap", hue="pruner")
    with pytest.raises(ArgumentError, match="has no column 'imdb'"):
        plot_scatter(study_table(), "imdb")
    with pytest.raises(ArgumentError, match="plot_correlations takes a DataFrame, not a list"):
        plot_correlations([1])
    with pytest.raises(ArgumentError, match="plot_scatter takes a DataFrame, not a list"):
        plot_scatter([1], "gap")


@pytest.mark.parametrize("values", [[[1], [2]], [pd.Timestamp(0), 2]])
def test_scatter_hues_that_cannot_be_sorted_are_named(values):
    df = study_table()
    df["cell"] = pd.Series(values * 27, dtype=object)
    with pytest.raises(ArgumentError, match="hue: the values of column 'cell' must be numbers or"):
        plot_scatter(df, "gap", hue="cell")
    assert not plt.get_fignums()


def test_scatter_hues_of_numbers_and_text():
    df = study_table()
    df["cell"] = pd.Series(["b", 2, None, "a", 1, 1] * 9, dtype=object)
    legend = plot_scatter(df, "gap", hue="cell").get_legend()
    assert [text.get_text() for text in legend.get_texts()] == ["1", "2", "a", "b", "missing"]
