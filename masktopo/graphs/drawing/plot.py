"""The picture of a channel graph: a column of dots for each node set, edges, arcs over the top."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from masktopo.errors import ArgumentError
from masktopo.graphs.drawing.layout import Column, Span, columns_of, levels, short_name
from masktopo.graphs.multipartite import EdgeBlock, MultipartiteGraph, listed
from masktopo.graphs.reach import reach

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot_graph"]

INK = "#222222"
LONG = "long"

# Okabe and Ito's colours, which most colour-blind readers can tell apart.
COLORS = {"layer": "#0072B2", LONG: "#009E73", "skip": "#E69F00", "mixing": "#CC79A7"}
DEAD = "#D55E00"
LABELS = {
    "layer": "edges of layers",
    LONG: "edges of layers, past others",
    "skip": "skips",
    "mixing": "attention",
}

MOST_ARC_STEP = 3.0
"""Height of a level of arcs over tall columns, in dots."""


def plot_graph(graph: MultipartiteGraph, ax: "Axes | None" = None) -> "Axes":
    """Draw the graph: see `MultipartiteGraph.plot`."""
    if graph.encoding != "channel":
        raise ArgumentError("only graphs of the encoding channel are drawn: positions are too many")
    columns = columns_of(graph)
    short, arcs = _parted(graph, columns)
    ax = _new_axis(columns, arcs) if ax is None else ax
    for block in short:
        _draw_edges(ax, block, columns)
    _draw_arcs(ax, arcs, columns)
    live = reach(graph).live
    for name, column in columns.items():
        _draw_dots(ax, column, live[graph.span(name)])
        _draw_name(ax, column, _name_height(column, columns))
    _finish(ax, graph, columns, int(live.size - live.sum()))
    return ax


def _parted(
    graph: MultipartiteGraph, columns: Mapping[str, Column]
) -> tuple[list[EdgeBlock], list[EdgeBlock]]:
    """Part the blocks that have edges: those between neighbours, and those that go further."""
    blocks = [block for block in graph.blocks if block.edges.n_edges]
    near = [
        block.mark != "skip" and columns[block.target].x - columns[block.source].x == 1
        for block in blocks
    ]
    return (
        [block for block, is_near in zip(blocks, near, strict=True) if is_near],
        [block for block, is_near in zip(blocks, near, strict=True) if not is_near],
    )


def _draw_edges(ax: "Axes", block: EdgeBlock, columns: Mapping[str, Column]) -> None:
    """Draw a line between each two dots, as opaque as the edges between their nodes weigh."""
    from matplotlib.collections import LineCollection

    source, target = columns[block.source], columns[block.target]
    sums = _sums(block, source, target)
    rows, places = np.nonzero(sums)
    strength = sums[rows, places] / sums.max(initial=1e-300)
    starts = np.stack([np.full(rows.size, source.x), source.y[rows]], 1)
    ends = np.stack([np.full(rows.size, target.x), target.y[places]], 1)
    # Many lines add up to a dark surface, so that each of them is drawn paler.
    alpha = np.clip(strength * min(1.0, 6 / np.sqrt(rows.size)), 0.04, 0.9)
    lines = LineCollection(
        list(np.stack([starts, ends], 1)), colors=COLORS[block.mark], alpha=alpha, linewidths=0.8
    )
    ax.add_collection(lines)


def _sums(block: EdgeBlock, source: Column, target: Column) -> NDArray[np.float64]:
    """Add up weights, or where they are unknown multiplicities, from dot to dot."""
    edges = listed(block)
    values = edges.factors("l1" if edges.known else "multiplicity").astype(np.float64)
    if not values.any():
        values = np.ones(edges.n_edges)
    rows = np.repeat(source.dots, edges.out_degrees)
    codes = rows * target.y.size + target.dots[edges.indices]
    sums = np.bincount(codes, values, source.y.size * target.y.size).astype(np.float64)
    return sums.reshape(source.y.size, target.y.size)


def _draw_arcs(ax: "Axes", arcs: list[EdgeBlock], columns: Mapping[str, Column]) -> None:
    """Draw a block as one arc over the columns, as wide as its edges are many."""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    ceiling, step = _limits(columns)[1], _arc_step(columns)
    for at, level in levels(_spans(arcs, columns)).items():
        block = arcs[at]
        source, target = columns[block.source], columns[block.target]
        start, end = (source.x, source.top + 0.2 * step), (target.x, target.top + 0.2 * step)
        # The middle of a cubic is a quarter of its ends and three quarters of its handles.
        peak = ceiling + step * (level + 1)
        handle = (peak - (start[1] + end[1]) / 8) * 4 / 3
        lean = 0.15 * (end[0] - start[0])
        points = [start, (start[0] + lean, handle), (end[0] - lean, handle), end]
        path = Path(points, [Path.MOVETO, Path.CURVE4, Path.CURVE4, Path.CURVE4])
        width = 0.8 + 0.6 * np.log10(block.edges.n_edges)
        colour = COLORS[_kind(block, columns)]
        ax.add_patch(PathPatch(path, fill=False, edgecolor=colour, linewidth=width, zorder=1.5))


def _spans(arcs: list[EdgeBlock], columns: Mapping[str, Column]) -> dict[int, Span]:
    return {
        at: Span(columns[block.source].x, columns[block.target].x) for at, block in enumerate(arcs)
    }


def _limits(columns: Mapping[str, Column]) -> tuple[float, float]:
    """Return the heights of the lowest and of the highest dot."""
    return (
        min(column.bottom for column in columns.values()),
        max(column.top for column in columns.values()),
    )


def _arc_step(columns: Mapping[str, Column]) -> float:
    floor, ceiling = _limits(columns)
    return min(MOST_ARC_STEP, 0.8 + 0.15 * (ceiling - floor))


def _kind(block: EdgeBlock, columns: Mapping[str, Column]) -> str:
    """Return the key of a block's colour."""
    distance = columns[block.target].x - columns[block.source].x
    return LONG if block.mark == "layer" and distance > 1 else block.mark


def _draw_dots(ax: "Axes", column: Column, live: NDArray[np.bool_]) -> None:
    """Draw the dots of a node set: hollow where none of their nodes is on a path."""
    alive = np.bincount(column.dots[live], minlength=column.y.size) > 0
    for marks, face, edge in ((alive, INK, INK), (~alive, "white", DEAD)):
        x = np.full(int(marks.sum()), column.x)
        ax.scatter(x, column.y[marks], s=9, c=face, edgecolors=edge, linewidths=0.9, zorder=3)


def _draw_name(ax: "Axes", column: Column, y: float) -> None:
    ax.annotate(
        f"{short_name(column.nodes.name)} ({column.nodes.channels})",
        (column.x, y),
        xytext=(0, -7),
        textcoords="offset points",
        rotation=60,
        rotation_mode="anchor",
        ha="right",
        va="top",
        fontsize=7,
        color=INK,
        bbox={"facecolor": "white", "alpha": 0.7, "edgecolor": "none", "pad": 0.5},
    )


def _name_height(column: Column, columns: Mapping[str, Column]) -> float:
    """Return where the name stands: in one line, but right below a column with others under it."""
    below = [other for other in columns.values() if other.x == column.x and other.y is not column.y]
    under = any(other.top < column.bottom for other in below)
    return column.bottom if under else _limits(columns)[0]


def _new_axis(columns: Mapping[str, Column], arcs: list[EdgeBlock]) -> "Axes":
    """Make a figure in which a dot takes 0.11 inches and a column 0.6, within bounds."""
    from matplotlib.figure import Figure

    floor, ceiling = _limits(columns)
    n_levels = 1 + max(levels(_spans(arcs, columns)).values(), default=-1)
    height = ceiling - floor + _arc_step(columns) * n_levels
    depth = max(column.x for column in columns.values())
    size = np.clip([2 + 0.6 * depth, 2.2 + 0.11 * height], (6, 3.4), (24, 16))
    return Figure(figsize=tuple(size), layout="constrained").subplots()


def _finish(ax: "Axes", graph: MultipartiteGraph, columns: Mapping[str, Column], dead: int) -> None:
    """Say what is seen, and take the frame away."""
    from matplotlib.lines import Line2D

    kinds = {_kind(block, columns) for block in graph.blocks if block.edges.n_edges}
    handles = [
        Line2D([], [], color=color, label=LABELS[kind])
        for kind, color in COLORS.items()
        if kind in kinds
    ]
    hollow = Line2D([], [], marker="o", ls="", mfc="white", mec=DEAD, ms=4)
    hollow.set_label(f"on no path ({dead:,} nodes)")
    handles.append(hollow)
    shared = max(np.bincount(column.dots).max(initial=1) for column in columns.values())
    words = f"{graph.n_nodes:,} nodes, {graph.n_edges:,} edges"
    words += f"; a dot stands for up to {shared} nodes" if shared > 1 else ""
    ax.autoscale_view()
    ax.set_axis_off()
    ax.legend(
        handles=handles,
        title=words,
        frameon=False,
        fontsize=8,
        title_fontsize=9,
        loc="lower center",
        bbox_to_anchor=(0.5, 1.0),
        ncols=len(handles),
    )
