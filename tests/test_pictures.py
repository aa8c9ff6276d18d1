"""Pictures of a report: nothing that is written lies on anything that is drawn."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from masktopo.metrics.spectral import COORDINATES
from masktopo.pictures import plot_coordinates, plot_densities

NAMES = {
    "short": ["conv1", "conv2", "conv3", "fc1", "fc2"],
    "unequal": ["conv1", "features.10.block.conv2", "fc1", "features.11.block.conv2", "fc2"],
    "many": [f"layer{index}.conv" for index in range(30)],
}


def layers(names, value=0.1):
    columns = {name: np.full(len(names), value) for name in ("density", *COORDINATES)}
    return pd.DataFrame({**columns, "effective_density": value}, index=names)


def drawn(ax):
    ax.figure.canvas.draw()
    return ax


@pytest.mark.parametrize("names", NAMES.values(), ids=NAMES)
def test_the_legend_of_densities_lies_above_the_bars(names):
    ax = drawn(plot_densities(layers(names)))
    legend = ax.get_legend().get_window_extent()
    assert max(bar.get_window_extent().y1 for bar in ax.patches) < legend.y0


@pytest.mark.parametrize("value", [-2.0, 0.0, 0.5, 1e6])
def test_the_legend_of_coordinates_lies_above_the_lines(value):
    ax = drawn(plot_coordinates(layers(NAMES["short"], value)))
    legend = ax.get_legend().get_window_extent()
    assert max(line.get_window_extent().y1 for line in ax.lines) < legend.y0


@pytest.mark.parametrize("names", NAMES.values(), ids=NAMES)
def test_names_of_layers_do_not_touch(names):
    ax = drawn(plot_densities(layers(names)))
    labels = ax.get_xticklabels()
    if labels[0].get_rotation() == 0:
        extents = [label.get_window_extent() for label in labels]
        assert all(left.x1 < right.x0 for left, right in pairwise(extents))
    else:
        assert names is not NAMES["short"]
