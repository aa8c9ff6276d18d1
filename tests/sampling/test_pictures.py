import numpy as np
import pytest
import torch
from torch import nn

from masktopo.metrics.spectral import COORDINATES
from masktopo.sampling.pictures import plot_candidates, plot_scores
from masktopo.sampling.sampler import pags


@pytest.fixture(scope="module")
def result():
    torch.manual_seed(5)
    model = nn.Sequential(nn.Linear(12, 24), nn.ReLU(), nn.Linear(24, 4))
    data = torch.randn((60, 12)), torch.arange(60) % 4
    return pags(model, data, density=0.4, samples=5, batches=2, batch_size=8)


def test_the_score_over_the_samples(result):
    lines = {line.get_label(): line for line in plot_scores(result).lines}
    means = result.history.groupby("candidate")["full_spectrum"].mean()
    np.testing.assert_allclose(lines["candidates"].get_ydata(), means)
    assert lines["candidates"].get_xdata().tolist() == list(range(6))
    np.testing.assert_allclose(lines["best whole mask so far"].get_ydata(), means.cummax())
    assert set(lines["ticket 0"].get_ydata()) == {means[0]}
    chosen = result.layers["full_spectrum"].mean()
    assert lines["chosen, after the repair"].get_ydata()[0] == pytest.approx(chosen)


@pytest.mark.parametrize("name", COORDINATES)
def test_a_coordinate_over_the_candidates(result, name):
    cloud, ticket, chosen = plot_candidates(result, name).lines
    table = result.history.set_index(["candidate", "layer"])[name]
    np.testing.assert_array_equal(cloud.get_ydata(), table.to_numpy())
    assert np.abs(cloud.get_xdata() - np.tile([0, 1], 6)).max() <= 0.25
    np.testing.assert_array_equal(ticket.get_ydata(), table.loc[0])
    np.testing.assert_array_equal(chosen.get_ydata(), result.layers[name])


def test_the_whole_figure(result, tmp_path):
    figure = result.plot()
    assert figure.axes[0].get_title() == "PAGS of snip at density 0.4"
    assert len(figure.axes) == 5
    figure.savefig(tmp_path / "run.png")
    assert (tmp_path / "run.png").stat().st_size > 10_000
