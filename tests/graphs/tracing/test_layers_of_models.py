"""Which parameter an operation applies, under which name, and how."""

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils import parametrizations, parametrize, prune

from masktopo.errors import ArgumentError, WiringError
from masktopo.graphs.tracing import trace
from masktopo.graphs.wiring import LayerSpec, Use


class Halved(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("mask", torch.tensor([[1.0, 0.0], [1.0, 1.0]]))

    def forward(self, weight):
        return weight * self.mask


def test_hooks_and_parametrizations_are_followed_to_their_layer():
    model = nn.Sequential(
        nn.Linear(2, 2), nn.Linear(2, 2), parametrizations.weight_norm(nn.Linear(2, 2))
    )
    prune.l1_unstructured(model[0], "weight", 0.5)
    parametrize.register_parametrization(model[1], "weight", Halved())
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    wiring = trace(model, torch.zeros(1, 2))
    assert wiring.layer_names == ("0", "1", "2")
    assert [type(module) for module in model] == [nn.Linear, type(model[1]), type(model[2])]
    assert list(model.state_dict()) == list(before)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert isinstance(next(iter(model[0]._forward_pre_hooks.values())), prune.L1Unstructured)


def test_nothing_of_the_model_changes():
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Dropout()).train()
    state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    trace(model, torch.randn(5, 3, 8, 8))
    assert all(module.training for module in model.modules())
    assert all(torch.equal(tensor, state[name]) for name, tensor in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())


def test_a_model_without_numbers_is_followed():
    with torch.device("meta"):
        model = nn.Sequential(nn.Linear(1000, 1000), nn.ReLU(), nn.Linear(1000, 10))
    assert [nodes.size for nodes in trace(model, torch.zeros(1, 1000)).nodes] == [1000, 1000, 10]


class Functional(nn.Module):
    """Parameters in every place and orientation in which people put them."""

    def __init__(self):
        super().__init__()
        self.masked = nn.Parameter(torch.ones(3, 4))
        self.register_buffer("mask", torch.ones(3, 4))
        self.plain = nn.Parameter(torch.ones(4, 3))
        self.einsum = nn.Parameter(torch.ones(3, 4))
        self.kernel = nn.Parameter(torch.ones(2, 1, 3))
        self.attn = nn.Module()
        self.attn.in_proj_weight = nn.Parameter(torch.ones(6, 4))

    def forward(self, x):
        weight = self.attn.in_proj_weight
        q, _, v = weight.chunk(3)
        return (
            functional.linear(x, self.masked * self.mask),
            x @ self.plain,
            torch.einsum("oi,bi->bo", self.einsum, x),
            functional.conv1d(x[:, None], self.kernel, padding="same"),
            functional.linear(x, q) + functional.linear(x, weight[2:4]) + functional.linear(x, v),
            torch.addmm(torch.ones(3), x, self.plain),
            x @ self.masked.t(),
        )


def test_parameters_are_found_behind_what_is_done_to_them():
    wiring = trace(Functional(), torch.zeros(2, 4))
    found = [(link.layer, link.use.kind, link.use.rows) for link in wiring.links]
    assert found == [
        ("masked", "linear", None),
        ("plain", "embedding", None),
        ("einsum", "linear", None),
        ("kernel", "conv1d", None),
        ("attn.in_proj_weight", "linear", (0, 2)),
        ("attn.in_proj_weight", "linear", (2, 4)),
        ("attn.in_proj_weight", "linear", (4, 6)),
        ("plain", "embedding", None),
        ("masked", "linear", None),
    ]
    kinds = {spec.name: spec.kind for spec in wiring.layers}
    assert kinds == {
        "attn.in_proj_weight": "matrix",
        "masked": "matrix",
        "plain": "matrix",
        "einsum": "matrix",
        "kernel": "conv1d",
    }


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(10, 4)
        self.places = nn.Embedding(5, 4)
        self.head = nn.Linear(4, 10, bias=False)
        self.head.weight = self.words.weight

    def forward(self, ids):
        return self.head(self.words(ids) + self.places(torch.arange(5)))


def test_tied_parameters_are_one_layer_used_twice():
    wiring = trace(Tied(), torch.zeros(3, 5, dtype=torch.long))
    assert wiring.layers == (LayerSpec("words", (10, 4), "embedding", 1, ("head",)),)
    assert [link.use.kind for link in wiring.links] == ["embedding", "linear"]
    assert [(nodes.name, nodes.shape) for nodes in wiring.nodes] == [
        ("ids", (1, 5, 10)),
        ("words", (1, 5, 4)),
        ("words@2", (1, 5, 10)),
    ]
    assert wiring.unused == ("places",)


@pytest.mark.parametrize(
    ("module", "shape", "use"),
    [
        (
            nn.Conv2d(4, 6, (3, 1), (2, 1), (1, 0), (2, 1), 2),
            (1, 4, 9, 5),
            Use("conv2d", 2, (2, 1), (1, 0), (2, 1)),
        ),
        (nn.Conv1d(4, 4, 4, padding="same"), (1, 4, 9), Use("conv1d", 1, (1,), (1,), (1,))),
        (
            nn.Conv3d(2, 2, 2, padding="valid"),
            (1, 2, 3, 3, 3),
            Use("conv3d", 1, (1, 1, 1), (0, 0, 0), (1, 1, 1)),
        ),
        (
            nn.ConvTranspose2d(4, 2, 3, 2, 1, output_padding=1, groups=2),
            (1, 4, 3, 3),
            Use("conv_transpose2d", 2, (2, 2), (1, 1), (1, 1)),
        ),
    ],
)
def test_geometry_is_the_module_s(module, shape, use):
    wiring = trace(module, torch.zeros(shape))
    assert wiring.links[0].use == use
    assert wiring.nodes[1].shape == tuple(module(torch.zeros(shape)).shape)


def test_input_channels_are_those_of_the_first_layer():
    tokens = trace(nn.Linear(6, 2), torch.zeros(1, 5, 6)).nodes[0]
    image = trace(nn.Conv2d(3, 2, 1), torch.zeros(1, 3, 4, 4)).nodes[0]
    flat = trace(nn.Sequential(nn.Flatten(), nn.Linear(48, 2)), torch.zeros(1, 3, 4, 4)).nodes[0]
    assert [nodes.channel_axes for nodes in (tokens, image, flat)] == [(2,), (1,), (1,)]


@pytest.mark.parametrize(
    "given",
    [(torch.zeros(2, 4), torch.zeros(2, 3)), {"y": torch.zeros(2, 3), "x": torch.zeros(2, 4)}],
)
def test_inputs_come_by_place_or_by_name(given):
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Linear(4, 2), nn.Linear(3, 2)

        def forward(self, x, y):
            return self.a(x) + self.b(y)

    wiring = trace(Two(), given)
    assert {nodes.name: nodes.role for nodes in wiring.nodes} == {
        "x": "input",
        "y": "input",
        "b": "output",
    }


class Failing(nn.Module):
    def __init__(self, run):
        super().__init__()
        self.layer, self.run = nn.Linear(4, 4), run
        self.rnn, self.pair = nn.GRU(4, 4), nn.Bilinear(4, 4, 2)

    def forward(self, x):
        return self.run(self, self.layer(x))


@pytest.mark.parametrize(
    ("run", "message"),
    [
        (lambda m, y: y if y.sum() > 0 else -y, "the data flow of Failing depends on the data"),
        (lambda m, y: y[y > 0], "the data flow of Failing depends on the data"),
        (
            lambda m, y: y.cumsum(1),
            r"operation aten.cumsum \(node cumsum\): masktopo does not know",
        ),
        (lambda m, y: m.rnn(y)[0], r"aten.gru \(node gru in module 'rnn'\): recurrent layers"),
        (lambda m, y: m.pair(y, y), r"aten.bilinear .*a bilinear map is no linear one"),
        (lambda m, y: y.T @ y, "of scores|no layer leads to an output"),
        (lambda m, y: functional.linear(y, y), "its weight depends on the input"),
        (lambda m, y: functional.linear(y, torch.ones(3, 4)), "its weight is not a parameter"),
        (lambda m, y: functional.conv1d(y[:, None], m.layer.weight.t()[:, None]), "turned"),
    ],
)
def test_what_cannot_be_followed_is_named(run, message):
    with pytest.raises(WiringError, match=message):
        trace(Failing(run), torch.zeros(2, 4))


def test_an_input_that_the_model_does_not_take_is_named():
    with pytest.raises(WiringError, match=r"Linear does not take .* shapes \[\(1, 5\)\]"):
        trace(nn.Linear(4, 2), torch.zeros(3, 5))
    with pytest.raises(WiringError, match=r"Bilinear does not take .*missing 1 required"):
        trace(nn.Bilinear(4, 4, 2), torch.zeros(3, 4))
    with pytest.raises(ArgumentError, match="has no tensor"):
        trace(nn.Linear(4, 2), 3)
    with pytest.raises(ArgumentError, match=r"shape \(0, 4\): no sample"):
        trace(nn.Linear(4, 2), torch.zeros(0, 4))
    with pytest.raises(ArgumentError, match=r"model must be a torch\.nn\.Module, not str"):
        trace("resnet18", torch.zeros(1, 4))


def test_a_line_in_the_registry_adds_an_operation(monkeypatch):
    from masktopo.graphs.tracing.pointwise import passed_on
    from masktopo.graphs.tracing.registry import OPERATIONS

    monkeypatch.setitem(OPERATIONS, "aten.cumsum", passed_on)
    wiring = trace(Failing(lambda m, y: y.cumsum(1)), torch.zeros(2, 4))
    assert wiring.layer_names == ("layer",)
