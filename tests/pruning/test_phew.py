from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from masktopo._random import stream
from masktopo.graphs.build import network_graph
from masktopo.graphs.fitting import fitted
from masktopo.graphs.tracing import trace
from masktopo.graphs.views import OUTPUT, Along, AxisMap, Read
from masktopo.graphs.wiring import LayerSpec, Link, NodeSet, Use, Wiring
from masktopo.masks.layer import LayerMask
from masktopo.masks.maskset import MaskSet
from masktopo.pruning.choose import choose
from masktopo.pruning.problem import Problem
from masktopo.pruning.prunable import PrunableLayer, dense_masks, prunable_layers
from masktopo.pruning.recipe import Draw, Recipe
from masktopo.pruning.steps import network_steps
from tests.naive.random_networks import random_network
from tests.naive.random_views import random_wiring
from tests.naive.walks import naive_order, naive_visits, steps_of_mlp, steps_of_residual
from tests.naive.zoo import ZOO
from tests.pruning.models import Residual, mlp, samples_of


def weights_of(model):
    return [model.get_parameter(name).detach().numpy() for name in names_of(model)]


def names_of(model):
    return [name for name, parameter in model.named_parameters() if parameter.dim() > 1]


def problem_of(model, density, scope="global"):
    shape = (2, 4, 4) if isinstance(model, Residual) else (4,)
    return Problem(model, Recipe("phew", density, scope), samples_of(*shape))


def naive_scores(model, room, seed, most):
    weights = weights_of(model)
    if isinstance(model, Residual):
        steps, starts = steps_of_residual(*weights, positions=4), [("x", 0), ("x", 1)]
        outputs = {("out", row) for row in range(4)}
    else:
        steps, starts = steps_of_mlp(weights), [(0, column) for column in range(4)]
        outputs = {(3, row) for row in range(3)}
    numbers = naive_visits(steps, starts, outputs, room, most, stream(seed, 0, 1, 0))
    return naive_order(np.concatenate([weight.ravel() for weight in weights]), numbers)


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("density", [0.1, 0.5, 1])
@pytest.mark.parametrize("build", [mlp, Residual])
def test_walks_are_those_of_the_naive_version(build, density, seed):
    model = build()
    problem = problem_of(model, density)
    count = round(density * problem.size)
    choice = choose(problem, Draw(seed))
    expected = naive_scores(model, {range(problem.size): count}, seed, problem.size)
    np.testing.assert_allclose(choice.scores, expected, rtol=1e-12)
    assert choice.kept.sum() == count


def test_by_layer_every_layer_is_walked_until_it_has_its_share():
    model = mlp()
    choice = choose(problem_of(model, 0.3, "layer"), Draw(2))
    room = {range(20): 6, range(20, 40): 6, range(40, 52): 4}
    expected = naive_scores(model, room, 2, 52)
    np.testing.assert_allclose(choice.scores, expected, rtol=1e-12)
    assert [part.sum() for part in np.split(choice.kept, [20, 40])] == [6, 6, 4]


def test_a_step_is_taken_in_proportion_to_its_weight():
    model = nn.Linear(1, 3, bias=False)
    with torch.no_grad():
        model.weight.copy_(torch.tensor([[1.0], [-3.0], [0.0]]))
    problem = Problem(model, Recipe("phew", 0.34), samples_of(1))
    first = np.array([choose(problem, Draw(seed)).kept for seed in range(400)]).mean(0)
    # Three standard deviations of 400 draws are 0.065.
    assert first == pytest.approx([0.25, 0.75, 0], abs=0.065)
    assert first[2] == 0


def test_walks_into_a_dead_end_do_not_count():
    model = mlp()
    with torch.no_grad():
        model[2].weight[:, 0] = 0  # nothing leads on from the first hidden neuron
    choice = choose(problem_of(model, 0.4), Draw(0))
    assert choice.kept.sum() == 21
    assert not choice.kept[:4].any()
    assert (choice.scores[:4] <= 1).all()


def test_what_no_walk_finds_follows_by_magnitude():
    model = mlp()
    with torch.no_grad():
        model[4].weight.zero_()  # no walk ends at an output
    choice = choose(problem_of(model, 0.4), Draw(0))
    magnitudes = abs(np.concatenate([weight.ravel() for weight in weights_of(model)]))
    assert sorted(np.flatnonzero(choice.kept)) == sorted(np.argsort(-magnitudes)[:21])


def test_all_weights_0_keep_the_first():
    model = nn.Linear(4, 3, bias=False)
    nn.init.zeros_(model.weight)
    kept = choose(Problem(model, Recipe("phew", 0.5), samples_of(4)), Draw(0)).kept
    assert kept.tolist() == [True] * 6 + [False] * 6


def assert_steps_are_edges(masks, layers, wiring):
    """Compare with the graph in the encoding ``channel``, built in another way."""
    steps = network_steps(masks, layers, wiring)
    weights = np.diff(steps.sums, prepend=0)
    firsts = steps.indptr[:-1][np.diff(steps.indptr) > 0]
    weights[firsts] = steps.sums[firsts]
    tails = np.repeat(np.arange(steps.indptr.size - 1), np.diff(steps.indptr))
    graph = network_graph(fitted(masks, wiring), wiring)
    found = np.zeros((graph.n_nodes, graph.n_nodes))
    np.add.at(found, (tails, steps.heads), weights)
    expected = graph.to_scipy(weighted=True).toarray()
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12)
    values = np.concatenate([masks[layer.name].weight.ravel() for layer in layers])
    owned = steps.owners >= 0
    np.testing.assert_allclose(weights[owned], abs(values[steps.owners[owned]]), rtol=1e-10)
    assert set(steps.inputs) == set(np.flatnonzero(graph.inputs))
    assert np.array_equal(steps.outputs, graph.outputs)


def with_weights(masks, rng):
    """Return the layers dense, with weights, and the place of each in the flat vector."""
    dense, layers, start = [], [], 0
    for layer in masks.values():
        weight = rng.uniform(0.5, 2, layer.shape)
        dense.append(replace(layer, mask=np.ones(layer.shape, bool), weight=weight))
        layers.append(PrunableLayer(layer.name, layer.shape, start))
        start += layer.size
    return MaskSet(dense), tuple(layers)


@pytest.mark.parametrize("draw", [random_wiring, random_network])
@pytest.mark.parametrize("seed", range(60))
def test_steps_are_the_edges_of_the_channel_graph(draw, seed):
    masks, wiring = draw(seed)
    if len(masks):
        assert_steps_are_edges(*with_weights(masks, np.random.default_rng(seed)), wiring)


def test_steps_of_some_rows_in_another_order_and_of_weights_that_cannot_be_pruned():
    x, a, b = (
        NodeSet("x", (1, 2), (1,), "input"),
        NodeSet("a", (1, 3), (1,)),
        NodeSet("b", (1, 2), (1,), "output"),
    )
    turned = Along(Read(OUTPUT, (1, 3)), 1, AxisMap.taking(3, [2, 1, 0]))
    links = (
        Link("packed", Read("x", (1, 2)), "a", Use("linear", rows=(2, 5)), landing=turned),
        Link("head", Read("a", (1, 3)), "b", Use("linear")),
    )
    specs = (LayerSpec("packed", (6, 2), "linear"), LayerSpec("head", (2, 3), "linear"))
    wiring = Wiring((x, a, b), links, specs)
    masks = MaskSet([LayerMask(spec.name, np.ones(spec.shape, bool)) for spec in specs])
    masks, layers = with_weights(masks, np.random.default_rng(0))
    assert_steps_are_edges(masks, layers, wiring)
    owners = network_steps(masks, layers[:1], wiring).owners
    assert owners.tolist() == [4, 6, 8, 5, 7, 9] + [-1] * 6


@pytest.mark.parametrize("name", ["decoder", "mobilenet"])
def test_the_graphs_of_whole_networks_are_walked(name):
    model, example = ZOO[name]()
    masks = dense_masks(model.double())
    assert_steps_are_edges(masks, prunable_layers(masks), trace(model, example_of(example)))


def example_of(example):
    return example.double() if example.is_floating_point() else example
