"""The picture of a channel graph: what stands where, and that it draws whatever there is."""

import matplotlib as mpl
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch

from masktopo.errors import ArgumentError
from masktopo.graphs.build import multipartite
from masktopo.graphs.drawing import plot
from masktopo.graphs.drawing.layout import MOST_DOTS, Span, columns_of, levels, short_name
from masktopo.masks.layer import LayerMask
from masktopo.masks.maskset import MaskSet
from tests.naive.networks import live_nodes, weight_digraph
from tests.naive.random_networks import random_network
from tests.naive.random_views import random_wiring
from tests.naive.wirings import wire

seeds = st.integers(0, 2**32)


def layer(name, rows, columns, density=1.0):
    mask = np.random.default_rng(rows).random((rows, columns)) < density
    return LayerMask(name, mask, mask * 1.5)


def residual():
    """Return two residual blocks of 40 channels, a branch beside the second, and a head."""
    masks = MaskSet(
        [
            layer("stem", 40, 3),
            layer("one.a", 40, 40, 0.1),
            layer("one.b", 40, 40, 0.1),
            layer("two.a", 40, 40, 0.1),
            layer("two.side", 8, 40),
            layer("head", 10, 48),
        ]
    )
    sizes = {"x": 3, "stem": 40, "one.a": 40, "one.b": 40, "two.a": 40, "two.side": 8, "head": 10}
    steps = [
        ("stem", ["x"], "stem"),
        ("one.a", ["stem"], "one.a"),
        ("one.b", ["one.a"], "one.b"),
        (None, ["stem"], "one.b"),
        ("two.a", ["one.b"], "two.a"),
        ("two.side", ["one.b"], "two.side"),
        ("head", ["two.a", "two.side"], "head"),
    ]
    return multipartite(masks, wiring=wire(masks, sizes, steps))


def test_columns_follow_the_data_flow():
    columns = columns_of(residual())
    assert {name: column.x for name, column in columns.items()} == {
        "x": 0,
        "stem": 1,
        "one.a": 2,
        "one.b": 3,
        "two.a": 4,
        "two.side": 4,
        "head": 5,
    }


def test_parallel_columns_leave_room_for_the_name_between():
    columns = columns_of(residual())
    upper, lower = columns["two.a"], columns["two.side"]
    assert upper.bottom - lower.top > 0.4 * len("two.a (40)")
    assert upper.top + lower.bottom == pytest.approx(0)


def test_many_nodes_share_dots_evenly():
    columns = columns_of(residual())
    assert columns["x"].dots.tolist() == [0, 1, 2]
    counts = np.bincount(columns["stem"].dots)
    assert counts.size == MOST_DOTS
    assert set(counts.tolist()) == {1, 2}


def test_arcs_over_each_other_have_levels_of_their_own():
    nested = {0: Span(0, 9), 1: Span(1, 4), 2: Span(4, 6), 3: Span(2, 3), 4: Span(0, 9)}
    found = levels(nested)
    assert found == {3: 0, 2: 0, 1: 1, 0: 2, 4: 3}


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(1, 9)), max_size=12))
def test_arcs_that_overlap_never_share_a_level(pairs):
    spans = {at: Span(start, start + length) for at, (start, length) in enumerate(pairs)}
    found = levels(spans)
    for one, other in [(a, b) for a in spans for b in spans if a < b]:
        overlap = spans[one].start < spans[other].end and spans[other].start < spans[one].end
        assert not overlap or found[one] != found[other]


@settings(max_examples=30)
@given(seeds)
def test_dots_add_up_what_lies_between_their_nodes(seed):
    masks, wiring = random_network(seed)
    graph = multipartite(masks, wiring=wiring)
    columns = columns_of(graph)
    for block in graph.blocks:
        source, target = columns[block.source], columns[block.target]
        found = plot._sums(block, source, target)
        values = block.edges.factors("l1").astype(float)
        dense = np.zeros_like(found)
        rows = np.repeat(np.arange(block.edges.n_left), block.edges.out_degrees)
        expected = values if values.any() else np.ones_like(values)
        for row, column, value in zip(rows, block.edges.indices, expected, strict=True):
            dense[source.dots[row], target.dots[column]] += value
        np.testing.assert_allclose(found, dense, rtol=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_the_nodes_on_no_path_are_counted(seed):
    masks, wiring = random_network(seed)
    graph = multipartite(masks, wiring=wiring)
    dead = graph.n_nodes - len(live_nodes(weight_digraph(masks, wiring), wiring))
    assert graph.plot().get_legend().get_texts()[-1].get_text() == f"on no path ({dead} nodes)"


def parts(ax, kind):
    return [one for one in (*ax.collections, *ax.patches) if isinstance(one, kind)]


def test_every_block_and_node_set_is_drawn():
    graph = residual()
    ax = graph.plot()
    assert len(parts(ax, LineCollection)) == len(graph.blocks) - 1
    assert len(parts(ax, PathPatch)) == 1
    dots = sum(len(one.get_offsets()) for one in parts(ax, PathCollection))
    assert dots == 3 + 4 * MOST_DOTS + 8 + 10
    names = [text.get_text() for text in ax.texts]
    assert names == [f"{nodes.name} ({nodes.channels})" for nodes in graph.wiring.nodes]
    legend = ax.get_legend()
    assert "a dot stands for up to 2 nodes" in legend.get_title().get_text()
    assert [text.get_text() for text in legend.get_texts()][:2] == ["edges of layers", "skips"]


def test_the_axis_of_a_user_is_taken_and_settings_stay():
    ax = Figure().subplots()
    before = dict(mpl.rcParams)
    assert residual().plot(ax=ax) is ax
    assert dict(mpl.rcParams) == before


@settings(max_examples=40)
@given(seed=seeds, draw=st.sampled_from([random_network, random_wiring]))
def test_any_graph_is_drawn(seed, draw):
    masks, wiring = draw(seed)
    unknown = MaskSet(layer.with_weight(None) for layer in masks.values())
    ax = multipartite(unknown if seed % 2 else masks, wiring=wiring).plot()
    ax.figure.draw_without_rendering()
    for one in parts(ax, PathCollection):
        assert np.isfinite(np.asarray(one.get_offsets())).all()


def test_positions_are_too_many_to_draw():
    masks, wiring = random_wiring(1)
    with pytest.raises(ArgumentError, match="only graphs of the encoding channel are drawn"):
        multipartite(masks, wiring=wiring, encoding="unrolled").plot()


def test_long_names_keep_their_end():
    assert short_name("a" * 30 + ".conv1") == "…" + "a" * 13 + ".conv1"
    assert short_name("conv1") == "conv1"
