from dataclasses import replace
from fractions import Fraction
from itertools import combinations, pairwise, product

import numpy as np
import pytest
import torch
from torch import nn

from masktopo.errors import MasktopoWarning
from masktopo.graphs.build import network_graph
from masktopo.graphs.fitting import as_used
from masktopo.graphs.views import Read
from masktopo.masks.layer import LayerMask
from masktopo.masks.maskset import MaskSet
from masktopo.metrics.flow import path_sums
from masktopo.networks import build_network
from masktopo.pruning import npb, prune
from masktopo.pruning.choose import choose
from masktopo.pruning.npb import ALPHA, BETA, layer_order
from masktopo.pruning.path_counts import push, relative_paths, start
from masktopo.pruning.problem import Problem
from masktopo.pruning.recipe import Draw, Recipe
from tests.naive.balance import exact_optimum, naive_greedy, naive_objective
from tests.naive.pruning import naive_keep_highest
from tests.naive.random_networks import random_network
from tests.naive.random_views import random_wiring
from tests.naive.wirings import wire
from tests.pruning.models import Residual, mlp, samples_of

WEIGHTS = Fraction(ALPHA).limit_denominator(), Fraction(BETA)


def random_layer(seed, shape, groups=1):
    """Draw a layer, and a few paths to each input; about a quarter of them has none."""
    rng = np.random.default_rng(seed)
    weight = rng.choice([0.5, 1.0, 1.5], shape) * rng.choice([-1, 1], shape)
    kind = "linear" if len(shape) == 2 else "conv1d"
    paths = rng.choice([0, 1, 2, 2, 3, 7], shape[1] * groups)
    paths[rng.integers(paths.size)] = 7
    return LayerMask("layer", np.ones(shape, bool), weight, kind, groups), paths


def value_of_greedy(layer, paths, count, alpha, beta):
    order = layer_order(layer, paths / paths.max(), paths > 0, count)
    shape = (*layer.shape, 1)[:3]
    kept = list(zip(*np.nonzero(order.reshape(shape) <= count), strict=True))
    fractions = [Fraction(int(number), int(paths.max())) for number in paths]
    return naive_objective(kept, fractions, shape, layer.groups, count, alpha, beta)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize(
    ("shape", "groups"), [((4, 5), 1), ((3, 3, 2), 1), ((4, 2, 3), 2), ((3, 1, 4), 3)]
)
def test_the_order_is_that_of_the_naive_greedy_version(shape, groups, seed):
    layer, paths = random_layer(seed, shape, groups)
    count = 1 + seed % layer.size
    order = layer_order(layer, paths / paths.max(), paths > 0, count)
    fractions = [Fraction(int(number), int(paths.max())) for number in paths]
    magnitudes = abs(layer.weight).reshape((*shape, 1)[:3])
    expected = naive_greedy(magnitudes, fractions, groups, count, *WEIGHTS)
    assert [int(order.reshape(magnitudes.shape)[weight]) for weight in expected] == list(
        range(1, count + 1)
    )
    assert sorted(order.ravel()) == list(range(1, layer.size + 1))


@pytest.mark.parametrize("seed", range(4))
def test_the_exact_solver_agrees_with_trying_all_masks(seed):
    _, paths = random_layer(seed, (2, 2, 2))
    fractions = [Fraction(int(number)) for number in paths]
    for count in (2, 3, 5):
        options = (fractions, (2, 2, 2), 1, count, *WEIGHTS)
        masks = combinations(product(range(2), repeat=3), count)
        best = max(naive_objective(kept, *options) for kept in masks)
        found = exact_optimum(paths, (2, 2, 2), 1, count, ALPHA, BETA)
        assert found == pytest.approx(float(best), rel=1e-6)


@pytest.mark.parametrize("alpha", [ALPHA, 0.5, 0.95])
@pytest.mark.parametrize(
    ("shape", "groups"), [((6, 6), 1), ((4, 7), 1), ((5, 4, 3), 1), ((6, 3, 2), 2)]
)
def test_the_greedy_choice_is_the_exact_one_on_small_layers(shape, groups, alpha, monkeypatch):
    monkeypatch.setattr(npb, "ALPHA", alpha)
    for seed in range(5):
        layer, paths = random_layer(seed, shape, groups)
        count = int(np.random.default_rng(seed).integers(2, layer.size))
        weights = Fraction(alpha).limit_denominator(), Fraction(BETA)
        found = float(value_of_greedy(layer, paths, count, *weights))
        best = exact_optimum(paths / paths.max(), (*shape, 1)[:3], groups, count, alpha, BETA)
        assert found == pytest.approx(best, rel=1e-6)


def counts_of(choice, problem):
    return [int(choice.kept[layer.span].sum()) for layer in problem.layers]


def naive_mask(weight, paths, groups, count):
    """Solve one layer for paths that are whole numbers."""
    shape = (*weight.shape[:2], -1)
    most = max(paths)
    fractions = [Fraction(int(number), int(most)) for number in paths]
    kept = naive_greedy(abs(weight).reshape(shape), fractions, groups, count, *WEIGHTS)
    mask = np.zeros(weight.shape, bool)
    for place in kept:
        mask.reshape(shape)[place] = True
    return mask


def per_channel(mask):
    """Return the number of weights of every output and input of an ungrouped layer."""
    return mask.reshape(*mask.shape[:2], -1).sum(2)


def test_layers_are_solved_along_a_chain():
    model = mlp()
    problem = Problem(model, Recipe("npb", density=0.35), samples_of(4))
    choice = choose(problem, Draw(0))
    paths = np.ones(4, int)
    for layer, count in zip(problem.layers, counts_of(choice, problem), strict=True):
        weight = model.get_parameter(f"{layer.name}.weight").detach().numpy()
        mask = naive_mask(weight, paths, 1, count)
        assert np.array_equal(choice.kept[layer.span].reshape(weight.shape), mask)
        paths = mask @ paths


def test_paths_run_along_skips_and_through_pools():
    model = Residual()
    problem = Problem(model, Recipe("npb", density=0.3), samples_of(2, 4, 4))
    choice = choose(problem, Draw(0))
    counts = counts_of(choice, problem)
    stem, inner, head = (
        model.get_parameter(f"{layer.name}.weight").detach().numpy() for layer in problem.layers
    )
    stem_mask = naive_mask(stem, np.ones(2, int), 1, counts[0])
    stem_paths = per_channel(stem_mask) @ np.ones(2, int)
    inner_mask = naive_mask(inner, stem_paths, 3, counts[1])
    sums = stem_paths + inner_mask.sum((1, 2, 3)) * stem_paths
    head_mask = naive_mask(head, np.repeat(sums, 4), 1, counts[2])
    expected = np.concatenate([mask.ravel() for mask in (stem_mask, inner_mask, head_mask)])
    assert np.array_equal(choice.kept, expected)


def test_layers_have_the_budgets_of_erk():
    model = build_network("smallcnn", input_shape=(1, 8, 8), n_classes=3, rng=0)
    masks, random = (
        prune(model, samples_of(1, 8, 8), method=method, density=0.1)
        for method in ("npb", "random-erk")
    )
    assert [layer.nnz for layer in masks.values()] == [layer.nnz for layer in random.values()]


def test_a_layer_without_paths_or_without_budget_is_no_trouble():
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2), nn.Linear(2, 2))
    with pytest.warns(MasktopoWarning, match="npb at density 0.08 leaves no weight in 2 of 3"):
        masks = prune(model, samples_of(2), method="npb", density=0.08)
    assert masks.nnz == 1


def test_a_layer_is_solved_where_it_is_used_first():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(2)
            self.first, self.last = nn.Linear(3, 3), nn.Linear(3, 2)
            self.idle = nn.Linear(4, 4)

        def forward(self, x):
            return self.last(self.first(self.first(x)))

    model = Twice().double()
    problem = Problem(model, Recipe("npb", density=0.4), samples_of(3))
    choice = choose(problem, Draw(0))
    first, last, idle = problem.layers
    counts = counts_of(choice, problem)
    mask = naive_mask(model.first.weight.detach().numpy(), np.ones(3, int), 1, counts[0])
    assert np.array_equal(choice.kept[first.span].reshape(3, 3), mask)
    paths = mask @ (mask @ np.ones(3, int))
    mask = naive_mask(model.last.weight.detach().numpy(), paths, 1, counts[1])
    assert np.array_equal(choice.kept[last.span].reshape(2, 3), mask)
    magnitudes = abs(model.idle.weight.detach().numpy()).ravel()
    assert np.array_equal(choice.kept[idle.span], naive_keep_highest(magnitudes, counts[2]))


def test_noise_sets_draws_apart():
    model = build_network("smallcnn", input_shape=(1, 8, 8), n_classes=3, rng=0)
    problem = Problem(model, Recipe("npb", density=0.05), samples_of(1, 8, 8))
    plain, noisy = (choose(problem, Draw(0, noise=noise)).kept for noise in (None, 1e-3))
    moved = (plain & ~noisy).sum() / plain.sum()
    assert 0 < moved < 0.1


@pytest.mark.parametrize("draw", [random_wiring, random_network])
@pytest.mark.parametrize("seed", range(30))
def test_paths_are_those_of_the_whole_graph(draw, seed):
    masks, wiring = draw(seed)
    graph = network_graph(masks, wiring)
    counts = start(wiring)
    for link in wiring.links:
        layer = None if link.layer is None else as_used(graph.masks[link.layer], link.use)
        push(counts, layer, link, wiring)
    mantissas, exponents = (
        np.concatenate([counts[nodes.name][part] for nodes in wiring.nodes]) for part in (0, 1)
    )
    expected, _ = path_sums(graph, "multiplicity").forward
    assert not exponents.any()
    assert np.array_equal(mantissas, expected)


def test_path_counts_may_leave_the_range_of_floats():
    masks = MaskSet([LayerMask("same", np.ones((40, 40), bool))])
    names = [f"n{place}" for place in range(251)]
    steps = [("same", [first], second) for first, second in pairwise(names)]
    wiring = wire(masks, dict.fromkeys(names, 40), steps)
    mask = np.ones((40, 40), bool)
    mask[0, 1:] = False
    counts = start(wiring)
    for link in wiring.links:
        push(counts, LayerMask("same", mask), link, wiring)
    # One path leads to the first neuron, some 39**250, about 2**1321, to each of the others.
    assert counts["n250"][1].tolist() == [0, *[3] * 39]
    behind = replace(wiring.links[-1], operand=Read("n250", (1, 40)))
    values, reached = relative_paths(counts, behind, 40, wiring)
    assert reached.all()
    assert values.tolist() == [0, *[1] * 39]
