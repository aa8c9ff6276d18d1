"""Additions of branches: which nodes the result has, and what lands on them."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from masktopo.graphs.build import multipartite
from masktopo.graphs.tracing import trace
from masktopo.graphs.views import Along, Read, Sum
from masktopo.masks.layer import LayerMask
from masktopo.masks.maskset import MaskSet


class Model(nn.Module):
    """Three equal convolutions, and whatever a test does with them."""

    def __init__(self, forward):
        super().__init__()
        self.a, self.b, self.c = (nn.Conv2d(2, 2, 3, padding=1) for _ in range(3))
        self.gate = nn.Linear(2, 2)
        self.norm = nn.BatchNorm2d(2)
        self.run = forward

    def forward(self, x):
        return self.run(self, x)


def wiring_of(forward, size=(1, 2, 4, 4)):
    return trace(Model(forward), torch.zeros(size))


def links_of(wiring):
    return [(link.layer, link.sources, link.target) for link in wiring.links]


@pytest.mark.parametrize("shortcut_first", [False, True])
def test_a_convolutional_shortcut_lands_on_the_deeper_branch(shortcut_first):
    def forward(m, x):
        shortcut = m.norm(m.c(x)) if shortcut_first else None
        deep = m.b(m.a(x))
        shortcut = m.norm(m.c(x)) if shortcut is None else shortcut
        return m.c(functional.relu(deep + shortcut))

    wiring = wiring_of(forward)
    assert set(links_of(wiring)) == {
        ("a", ("x",), "a"),
        ("b", ("a",), "b"),
        ("c", ("x",), "b"),
        ("c", ("b",), "c@2"),
    }
    assert all(link.landing is None for link in wiring.links)


def test_an_identity_shortcut_gives_edges_marked_skip():
    def forward(m, x):
        y = functional.relu(m.a(x))
        return m.c(m.norm(m.b(y)) + y)

    wiring = wiring_of(forward)
    assert links_of(wiring)[2] == (None, ("a",), "b")
    assert wiring.links[2].mark == "skip"


def test_an_operand_that_others_read_too_is_not_fresh():
    def forward(m, x):
        first, second = m.a(x), m.b(x)
        return m.c(first + second) + first

    wiring = wiring_of(forward)
    assert links_of(wiring) == [
        ("a", ("x",), "a"),
        ("b", ("x",), "b"),
        (None, ("a",), "b"),
        ("c", ("b",), "c"),
        (None, ("a",), "c"),
    ]


def test_without_a_fresh_operand_edges_leave_all_operands():
    def forward(m, x):
        y = m.a(x)
        return m.c(y + functional.max_pool2d(y, 3, 1, 1)) + m.b(y)

    wiring = wiring_of(forward)
    assert [nodes.name for nodes in wiring.nodes] == ["x", "a", "b"]
    operand = next(link.operand for link in wiring.links if link.layer == "c")
    assert isinstance(operand, Sum)


def test_three_branches_end_on_one_node_set():
    wiring = wiring_of(lambda m, x: m.a(x) + m.b(x) + m.c(x))
    assert links_of(wiring) == [(name, ("x",), "c") for name in "abc"]
    assert [nodes.role for nodes in wiring.nodes] == ["input", "output"]


def test_branches_of_other_layouts_land_where_their_elements_are():
    def forward(m, x):
        turned = m.a(x).flip(3).permute(0, 1, 3, 2)
        return (turned + m.b(x)).flatten(1)

    wiring = wiring_of(forward)
    landing = wiring.links[0].landing
    assert landing.shape == (1, 2, 4, 4)
    assert wiring.links[1].landing is None
    assert isinstance(landing.of, Along)


def test_a_gate_is_added_where_it_is_broadcast():
    def forward(m, x):
        y = m.a(x)
        gate = torch.sigmoid(m.gate(y.mean((2, 3))))[:, :, None, None]
        return m.c(y * gate)

    operand = wiring_of(forward).links[-1].operand
    assert isinstance(operand, Sum)
    assert [part.shape for part in operand.parts] == [(1, 2, 4, 4)] * 2


def test_a_broadcast_branch_has_edges_to_many_nodes():
    def forward(m, x):
        return m.a(x) + m.gate(x.mean((2, 3)))[:, :, None, None]

    wiring = wiring_of(forward)
    assert links_of(wiring) == [
        ("a", ("x",), "a"),
        ("gate", ("x",), "gate"),
        (None, ("gate",), "a"),
    ]
    graph = multipartite(
        MaskSet(
            [
                LayerMask("a", np.ones((2, 2, 3, 3), bool), kind="conv2d"),
                LayerMask("gate", np.ones((2, 2), bool)),
            ]
        ),
        wiring=wiring,
        encoding="unrolled",
    )
    assert graph.blocks[-1].edges.out_degrees.tolist() == [16, 16]


def hand_written_layer_norm(y):
    centred = y - y.mean(1, keepdim=True)
    return centred / (centred.pow(2).mean(1, keepdim=True) + 1e-5).sqrt()


def test_normalisation_by_hand_is_the_identity():
    wiring = wiring_of(lambda m, x: x + hand_written_layer_norm(m.a(x)))
    assert links_of(wiring) == [("a", ("x",), "a"), (None, ("x",), "a")]


def test_an_activation_by_hand_is_the_identity():
    wiring = wiring_of(lambda m, x: m.b((y := m.a(x)) * torch.sigmoid(y)))
    assert wiring.links[1].operand == Read("a", (1, 2, 4, 4))


def gelu(y):
    return 0.5 * y * (1 + torch.tanh(0.8 * (y + 0.04 * y**3)))


def test_a_function_of_one_tensor_is_no_join_but_its_shifted_copy_is():
    wiring = wiring_of(lambda m, x: m.b(gelu(m.a(x))))
    assert wiring.links[1].operand == Read("a", (1, 2, 4, 4))
    wiring = wiring_of(lambda m, x: m.b((y := m.a(x)) + torch.relu(y).roll(1, 2)))
    assert isinstance(wiring.links[1].operand, Sum)


def test_differences_products_and_maxima_are_joins():
    for joined in (torch.sub, torch.mul, torch.div, torch.maximum, torch.minimum):
        wiring = wiring_of(lambda m, x, joined=joined: joined(m.a(x), x))
        assert links_of(wiring)[1] == (None, ("x",), "a"), joined


def test_a_condition_makes_no_edges():
    wiring = wiring_of(lambda m, x: torch.where(m.b(x) > 0, m.a(x), x))
    assert links_of(wiring) == [("b", ("x",), "b"), ("a", ("x",), "a"), (None, ("x",), "a")]


def test_constants_add_nothing():
    wiring = wiring_of(lambda m, x: m.a(x + torch.ones(2, 1, 1)) * torch.arange(4))
    assert links_of(wiring) == [("a", ("x",), "a")]
