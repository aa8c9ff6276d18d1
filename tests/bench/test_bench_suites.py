"""Every table of every suite: all implementations agree on small masks, and a wrong one does not.

Nothing is timed here: implementations run once.
"""

import numpy as np
import pytest

from masktopo.bench import gram
from masktopo.bench.bandwidth import Pass
from masktopo.bench.cases import Grid
from masktopo.bench.command import DEFAULT_SUITES, SUITE_NAMES
from masktopo.bench.masks import MASKS, make_masks
from masktopo.bench.networks import NETWORKS, shapes_of
from masktopo.bench.suites import network_metrics, network_shape, parts
from masktopo.bench.suites.registry import SUITES
from masktopo.bench.traced import TRACED, masks_of, traced_wiring
from masktopo.graphs.bipartite import bipartite
from masktopo.graphs.build import multipartite, network_graph
from masktopo.masks.layer import LayerMask
from masktopo.masks.maskset import MaskSet
from masktopo.metrics.conventions import CONVENTIONS
from masktopo.metrics.spectra import layer_spectra
from masktopo.metrics.spectral import coordinates

GRIDS = [
    Grid("tiny-mlp", "erk", 0.2),
    Grid("tiny-mlp", "snip", 0.3),
    Grid("tiny-mlp", "2:4", 0.5),
    Grid("mlp", "erk", 0.05),
]

TRACED_GRIDS = [Grid("tiny-resnet", "uniform", 0.02), Grid("tiny-resnet", "erk", 0.02)]


def _cases(suite):
    grids = GRIDS + TRACED_GRIDS * (suite == "graph")
    return [case for grid in grids for case in SUITES[suite].cases(grid, True)]


@pytest.mark.parametrize("suite", SUITES)
def test_all_implementations_agree(suite):
    cases = _cases(suite)
    assert len(cases) >= len(GRIDS)
    for case in cases:
        answers = {
            name: implementation.answer(implementation.run(case.subject))
            for name, implementation in case.task.table.items()
        }
        own = next(iter(answers.values()))
        for name, answer in answers.items():
            difference = case.task.difference(own, answer)
            allowed = case.task.table[name].tolerance
            assert difference <= allowed, f"{case.task.name}, {case.label}: {name}"


@pytest.mark.parametrize("suite", SUITES)
def test_another_subject_gives_another_answer(suite):
    """The answers tell subjects apart, so that the check can fail."""
    by_task = {}
    for case in _cases(suite):
        by_task.setdefault(case.task.name, []).append(case)
    for cases in by_task.values():
        first, other = cases[0], cases[-1]
        own = next(iter(first.task.table.values()))
        answers = [own.answer(own.run(case.subject)) for case in (first, other)]
        if answers[0].shape == answers[1].shape:
            assert first.task.difference(*answers) > own.tolerance


@pytest.mark.parametrize("suite", SUITES)
def test_bounds_count_bytes_and_work_is_positive(suite):
    for case in _cases(suite):
        passes = list(case.task.passes(case.subject))
        assert passes
        assert all(isinstance(step, Pass) and step.n_bytes > 0 for step in passes)
        for implementation in case.task.table.values():
            assert implementation.work is None or implementation.work(case.subject) > 0


@pytest.mark.parametrize("quick", [True, False])
@pytest.mark.parametrize("suite", SUITES)
def test_plans_name_what_exists(suite, quick):
    plan = SUITES[suite].plan(quick)
    assert len(set(plan)) == len(plan) > 0
    assert {grid.network for grid in plan} <= NETWORKS.keys() | TRACED.keys()
    assert {grid.rule for grid in plan} <= MASKS.keys()
    assert all(grid.density == 0.5 for grid in plan if grid.rule == "2:4")


def test_the_full_plans_cover_the_published_shapes_densities_and_rules():
    grids = [grid for suite in SUITES.values() for grid in suite.plan(False)]
    assert {grid.network for grid in grids} == NETWORKS.keys() | TRACED.keys()
    assert {grid.rule for grid in grids} == MASKS.keys()
    assert {min(g.density for g in grids), max(g.density for g in grids)} == {0.005, 0.5}


def test_the_command_knows_the_registry():
    assert tuple(SUITES) == SUITE_NAMES
    assert set(DEFAULT_SUITES) <= set(SUITE_NAMES)


def _complete(out, inputs):
    rng = np.random.default_rng(0)
    weight = rng.standard_normal((out, inputs)).astype(np.float32)
    return MaskSet([LayerMask("fc", np.ones((out, inputs), dtype=bool), weight)])


def test_dense_coordinates_of_a_complete_graph_have_the_closed_form():
    found = gram.gram_coordinates(_complete(4, 9))[0]
    gap = np.sqrt(3) + np.sqrt(8)
    assert found[0] == pytest.approx(gap, abs=1e-6)
    assert found[2] == pytest.approx(9 / 12 * gap, abs=1e-6)


@pytest.mark.parametrize("rule", ["erk", "snip"])
def test_dense_coordinates_are_those_of_masktopo(rule):
    masks = make_masks(shapes_of("wrn-28-2")[:6], rule, 0.1)
    own = coordinates(masks).values
    assert np.isfinite(own).all(axis=1).any()
    np.testing.assert_allclose(gram.gram_coordinates(masks), own, rtol=1e-6, atol=1e-6)


def test_a_mask_that_lost_an_edge_is_found():
    """The check of the pipeline sees a single edge."""
    (case,) = [
        c
        for c in SUITES["pipeline"].cases(GRIDS[1], True)
        if c.task.name == "all four coordinates of all layers"
    ]
    masks = case.subject
    layer = masks["fc0"]
    mask = layer.mask.copy()
    mask[tuple(np.argwhere(mask)[0])] = False
    damaged = masks.with_masks({"fc0": mask}, origin="damaged")
    own, *_, dense = case.task.table.values()
    answers = own.answer(own.run(masks)), dense.answer(dense.run(damaged))
    assert case.task.difference(*answers) > dense.tolerance


def test_a_network_that_lost_a_weight_is_found():
    """All checks of an unrolled graph see it but that of the eigenvalues, which lie elsewhere."""
    wiring = traced_wiring("tiny-resnet")
    masks = masks_of(wiring, "uniform", 0.02)
    name = wiring.layer_names[0]
    mask = masks[name].mask.copy()
    mask[tuple(np.argwhere(mask)[0])] = False
    damaged = masks.with_masks({name: mask}, origin="damaged")
    graphs = [network_graph(each, wiring, encoding="unrolled") for each in (masks, damaged)]
    unseen = []
    for (task, _, whole), (_, _, part) in zip(*map(network_metrics.tasks_of, graphs), strict=True):
        own, *_, other = task.table.values()
        difference = task.difference(own.answer(own.run(whole)), other.answer(other.run(part)))
        if difference <= other.tolerance:
            unseen.append(task.name)
    assert unseen == [network_shape.EIGENVALUES.name]


def test_paths_of_a_broken_network_agree():
    masks = make_masks(shapes_of("tiny-mlp"), "erk", 0.3)
    nothing = np.zeros_like(masks["fc1"].mask)
    graph = multipartite(masks.with_masks({"fc1": nothing}, origin="emptied"))
    (case,) = SUITES["paths"].cases(GRIDS[0], True)
    answers = [i.answer(i.run(graph)) for i in case.task.table.values()]
    assert [answer.tolist() for answer in answers] == [[-np.inf, 0, 0]] * 4


def test_a_kept_weight_of_zero_stays_an_edge_for_all_of_the_pipeline():
    masks = make_masks(shapes_of("tiny-mlp"), "erk", 0.3)
    weight = masks["fc0"].weight.copy()
    weight[tuple(np.argwhere(masks["fc0"].mask)[0])] = 0
    masks = masks.with_weights(
        {name: layer.weight for name, layer in masks.items()} | {"fc0": weight}
    )
    cases = {case.task.name: case.task for case in SUITES["pipeline"].cases(GRIDS[0], True)}
    for name in ("all four coordinates of all layers", "part: dense to CSR"):
        task = cases[name]
        answers = {n: i.answer(i.run(masks)) for n, i in task.table.items()}
        own = next(iter(answers.values()))
        for other, answer in answers.items():
            assert task.difference(own, answer) <= task.table[other].tolerance, other


def test_parts_take_a_layer_without_edges():
    """SNIP at a low density empties layers, and the bench must go on."""
    empty = bipartite(LayerMask("fc", np.zeros((5, 4), bool), np.ones((5, 4), np.float32)))
    full = bipartite(LayerMask("fc", np.ones((5, 4), bool), np.ones((5, 4), np.float32)))
    found = parts._class_sizes(parts._classes([empty, full]))
    assert found.tolist() == [[4.0, 5.0]]
    spectra = layer_spectra([empty, full], CONVENTIONS["pags23"])
    values = parts._spectrum_values(spectra)
    assert parts._spectrum_difference(values, values) == 0.0
