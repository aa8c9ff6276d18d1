"""Which networks are the same network: on every device and in every process, but not by code."""

import subprocess
import sys

import pytest
import torch
from torch import nn
from torch.nn import functional

from masktopo.errors import ArgumentError, RunError
from masktopo.training import early_bird, lottery_ticket, prune_after_training, train
from masktopo.training.network_identity import network_identity

CLASSES = 3


class Net(nn.Module):
    """Has all that its printed form does not tell."""

    def __init__(self, **options):
        super().__init__()
        self.fc = nn.Linear(16, CLASSES)
        self.options = {"scale": 1.0, **options}
        self.act = functional.relu
        self.register_buffer("shift", torch.zeros(1), persistent=False)

    def forward(self, inputs):
        return self.act(self.fc(inputs.flatten(1))) * self.options["scale"] + self.shift


def freeze(net):
    net.fc.weight.requires_grad_(False)


def scale(net):
    net.options["scale"] = 0.0


def hidden_buffer(net):
    net.shift += 1


def function(net):
    net.act = functional.gelu


def nested(net):
    net.fc.depths = [1, (2, None)]


def object_of_ones_own(net):
    net.own = object()


@pytest.mark.parametrize(
    "change", [freeze, scale, hidden_buffer, function, nested, object_of_ones_own]
)
def test_what_is_not_printed_makes_another_network(change, data, tmp_path):
    torch.manual_seed(0)
    net = Net()
    train(net, None, data, epochs=1, out=tmp_path)
    assert train(net, None, data, epochs=1, out=tmp_path).best_epoch == 1
    printed = repr(net)
    change(net)
    assert repr(net) == printed
    with pytest.raises(RunError, match=r"holds a run with network=Net \w+, but .* network=Net \w+"):
        train(net, None, data, epochs=1, out=tmp_path)


def test_mode_weights_and_addresses_do_not():
    class Printed(Net):
        def extra_repr(self):
            return f"act={self.act}, own={object.__repr__(self)}"

    one, other = Printed(), Printed()
    assert f"{one}" != f"{other}"
    other.eval()
    assert network_identity(one) == network_identity(other)
    assert network_identity(nn.LSTM(2, 3)) == network_identity(nn.LSTM(2, 3))


PROGRAM = """
from torch import nn
from masktopo.training.network_identity import network_identity
print(network_identity(nn.TransformerEncoderLayer(8, 2)))
"""


def test_another_process_finds_the_same():
    here = network_identity(nn.TransformerEncoderLayer(8, 2))
    found = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == here


class Extra(nn.Linear):
    """Has a state that is no tensor."""

    def get_extra_state(self):
        return {"count": 1}

    def set_extra_state(self, state):
        pass


SEARCHES = [
    lambda *given: train(given[0], None, given[1], epochs=1),
    lambda *given: lottery_ticket(*given, rounds=1, epochs=1),
    lambda *given: prune_after_training(*given, density=0.5, epochs=1),
    lambda *given: early_bird(*given, density=0.5, epochs=1),
]


@pytest.mark.parametrize("search", SEARCHES)
def test_states_that_are_no_tensors_are_refused(search, data):
    model = nn.Sequential(nn.Flatten(), Extra(16, CLASSES))
    with pytest.raises(ArgumentError, match=r"state has a dict as '1._extra_state'; only tensors"):
        search(model, data)


@pytest.mark.filterwarnings("ignore:Lazy modules are a new feature")
def test_layers_without_a_shape_are_refused(data):
    model = nn.Sequential(nn.Flatten(), nn.LazyLinear(CLASSES))
    with pytest.raises(ArgumentError, match=r"the model's '1.weight' has no shape yet"):
        train(model, None, data, epochs=1)
