"""Models, data and densities that cannot be pruned as asked: every method says so, or warns."""

from threading import Lock

import pytest
import torch
from torch import nn

from masktopo.errors import ArgumentError, MaskError, MasktopoWarning, PruningError, WiringError
from masktopo.pruning import METHODS, prune

FOLLOWING_PATHS = [name for name, method in METHODS.items() if method.needs_wiring]
SEEING_DATA = [name for name, method in METHODS.items() if method.needs_data]

DATA = (torch.randn((40, 4), generator=torch.Generator().manual_seed(2)), torch.arange(40) % 3)


def deep():
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(4, 5), nn.Linear(5, 5), nn.Linear(5, 4), nn.Linear(4, 3))


class Through(nn.Module):
    """A linear layer whose output goes through a function."""

    def __init__(self, function):
        super().__init__()
        self.fc, self.function = nn.Linear(4, 3), function

    def forward(self, x):
        return self.function(self.fc(x))


@pytest.mark.parametrize("method", METHODS)
def test_fewer_weights_than_layers_are_kept_with_a_warning_that_names_the_empty_layers(method):
    with pytest.warns(
        MasktopoWarning, match=rf"{method} at density 0.03 leaves no weight in \d of 4"
    ):
        masks = prune(deep(), DATA, method=method, density=0.03)
    assert masks.nnz == 2
    assert sum(layer.is_empty for layer in masks.values()) >= 2


@pytest.mark.parametrize("method", METHODS)
def test_a_density_that_keeps_nothing(method):
    with pytest.raises(PruningError, match=r"density 0\.001 of 77 weights keeps none"):
        prune(deep(), DATA, method=method, density=0.001)


@pytest.mark.parametrize("method", SEEING_DATA)
def test_a_loss_that_is_not_finite_names_its_batch(method):
    model = Through(lambda x: x / 0.0)
    with pytest.raises(PruningError, match="the loss is nan in batch 0 of 3 of data"):
        prune(model, DATA, method=method, density=0.5, batch_size=10)


@pytest.mark.parametrize("method", [*SEEING_DATA, "synflow"])
@pytest.mark.parametrize("function", [torch.zeros_like, torch.Tensor.detach])
def test_an_output_that_depends_on_no_weight(method, function):
    what = "output" if method == "synflow" else "loss in batch 0 of 1 of data"
    with pytest.raises(PruningError, match=f"the {what} depends on no prunable weight"):
        prune(Through(function), DATA, method=method, density=0.5)


@pytest.mark.parametrize("method", SEEING_DATA)
def test_data_smaller_than_a_batch(method):
    whole = prune(deep(), DATA, method=method, density=0.5, batch_size=128)
    assert whole == prune(deep(), DATA, method=method, density=0.5, batch_size=29)
    with pytest.raises(PruningError, match=r"1 batches of 128 .* but data has 29"):
        prune(deep(), DATA, method=method, density=0.5, batches=1)


@pytest.mark.parametrize("method", METHODS)
def test_a_model_without_prunable_layers(method):
    model = nn.Sequential(nn.BatchNorm1d(4), nn.ReLU())
    with pytest.raises(PruningError, match="the network has no prunable layer"):
        prune(model, DATA, method=method, density=0.5)


@pytest.mark.parametrize("method", METHODS)
def test_weights_that_hold_no_values(method):
    with pytest.raises(MaskError, match="'0' is a meta tensor"):
        prune(deep().to("meta"), DATA, method=method, density=0.5)


@pytest.mark.parametrize("method", FOLLOWING_PATHS)
def test_data_flow_that_cannot_be_followed(method):
    class Recurrent(nn.Module):
        def __init__(self):
            super().__init__()
            self.cell, self.fc = nn.LSTM(4, 4, batch_first=True), nn.Linear(4, 3)

        def forward(self, x):
            return self.fc(self.cell(x[:, None])[0][:, 0])

    with pytest.raises(WiringError, match="recurrent layers are not followed"):
        prune(Recurrent(), DATA, method=method, density=0.5)
    with pytest.raises(WiringError, match="no layer leads to an output"):
        prune(Through(torch.zeros_like), DATA, method=method, density=0.5)


class OneWay(torch.autograd.Function):
    """A function without a derivative."""

    @staticmethod
    def forward(ctx, x):
        return x.clone()


@pytest.mark.parametrize("method", [*SEEING_DATA, "synflow"])
def test_a_model_without_a_derivative(method):
    with pytest.raises(PruningError, match=r"has no gradient: .*backward"):
        prune(Through(OneWay.apply), DATA, method=method, density=0.5)


def failing(x):
    raise AssertionError("was expecting embedding dimension of 4")


@pytest.mark.parametrize("method", [*SEEING_DATA, "synflow"])
def test_a_model_that_fails_with_whatever_error(method):
    with pytest.raises(PruningError, match=r"the model fails on .* expecting embedding"):
        prune(Through(failing), DATA, method=method, density=0.5)


@pytest.mark.parametrize("density", ["0.1", None, [0.1]])
def test_a_density_that_is_no_number(density):
    with pytest.raises(ArgumentError, match=r"density must lie in \(0, 1\], not"):
        prune(deep(), DATA, method="magnitude", density=density)


@pytest.mark.parametrize("method", [None, 3, ["snip"], len])
def test_a_method_that_is_no_name(method):
    with pytest.raises(ArgumentError, match=r"method=.* is not one of 'random-uniform'"):
        prune(deep(), DATA, method=method, density=0.5)


def test_a_model_that_cannot_be_copied():
    model = deep()
    model.lock = Lock()
    with pytest.raises(ArgumentError, match="Sequential cannot be copied: cannot pickle"):
        prune(model, DATA, method="snip", density=0.5)
