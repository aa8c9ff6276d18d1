"""What a PAGS candidate costs: to draw, afresh and from a pool, and to score, here and by others.

    python benchmarks/sampling_cost.py                              # ResNet-20 and ResNet-18
    python benchmarks/sampling_cost.py --network resnet20 --lapack

All in one run, so that ratios mean something. Scoring is what PAGS does with a candidate: all four
coordinates of all layers, its digest, its record. Beside it stand the whole layers' singular values
of mask and weights, which are two of the four, by SciPy's `eigsh` on the adjacency and (with
``--lapack``; minutes for ResNet-18) by `eigvalsh` on the dense adjacency, as published code does.
Both are checked for equal values. Images are synthetic: passes do not depend on their content.
"""

import argparse
from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from scipy.sparse import csr_array

from masktopo.bench import solvers
from masktopo.bench.gram import dense_matrices
from masktopo.bench.machine import describe_machine
from masktopo.bench.threads import pinned
from masktopo.bench.timing import Timing, measure, measure_once
from masktopo.data import TensorData
from masktopo.masks.maskset import MaskSet
from masktopo.networks import build_network
from masktopo.pruning.choose import choose
from masktopo.pruning.pool import fill_pool, pool_bytes
from masktopo.pruning.problem import Problem
from masktopo.pruning.recipe import Draw, Recipe
from masktopo.sampling.scoring import Scoring

NETWORKS = {"resnet20": 0.05, "resnet18": 0.01}
BATCHES, POOL, BATCH_SIZE = 20, 25, 128

Solver = Callable[[csr_array], np.ndarray]


def say(what: str, found: Timing, *, note: str = "") -> None:
    """Print a row."""
    print(
        f"  {what:46}{found.median * 1000:11,.1f} ms  CPU {found.cpu * 1000:11,.1f} ms  "
        f"{found.runs:3} runs  {note}",
        flush=True,
    )


def whole_layers(masks: MaskSet, solve: Solver) -> np.ndarray:
    """Return the two largest singular values of mask and weights of every layer."""
    found = []
    for layer in masks.values():
        mask, weights = dense_matrices(layer)
        sides = csr_array(mask.astype(np.float32)), csr_array(weights.astype(np.float32))
        found.append(np.concatenate([solve(side) for side in sides]))
    return np.array(found)


def dense_eigvalsh(matrix: csr_array) -> np.ndarray:
    """Take all eigenvalues of the dense adjacency in float32, isolated nodes and all."""
    n_left, n_right = matrix.shape
    adjacency = np.zeros((n_left + n_right, n_left + n_right), np.float32)
    adjacency[:n_left, n_left:] = matrix.toarray()
    adjacency += adjacency.T
    return np.linalg.eigvalsh(adjacency)[:-3:-1].astype(np.float64)


def draws(problem: Problem) -> MaskSet:
    """Time the drawing of a candidate; return one."""
    afresh = partial(choose, problem, Draw(0, 1, batches=2))
    once = measure(afresh, budget=2.0, least=2)
    say("draw afresh, 2 batches", once, note=f"about {BATCHES // 2} times that for {BATCHES}")
    pool, filled = measure_once(partial(fill_pool, problem, 0, POOL))
    size = pool_bytes(problem, POOL) / 1e6
    say(f"gradients of a pool of {POOL}, once a run", filled, note=f"{size:,.0f} MB")
    drawn = partial(choose, problem, Draw(0, 1, batches=BATCHES, pool=POOL), pool)
    say(f"draw from the pool, {BATCHES} batches", measure(drawn, budget=2.0))
    return problem.masks(drawn().kept)


def scores(masks: MaskSet, *, lapack: bool) -> None:
    """Time the scoring of a candidate, here and by others."""
    scorer = Scoring()
    scorer(1, masks)
    own = measure(lambda: scorer(1, problem_copy(masks)), budget=2.0)
    say("score, all of it", own, note=f"1000 candidates: {own.cpu * 1000:,.0f} s of a core")
    expected, found = measure_once(partial(whole_layers, masks, solvers.adjacency_eigsh))
    say("eigsh on the adjacency, whole layers", found, note=f"x{found.cpu / own.cpu:,.0f}")
    if lapack:
        values, found = measure_once(partial(whole_layers, masks, dense_eigvalsh))
        say("dense eigvalsh, whole layers", found, note=f"x{found.cpu / own.cpu:,.0f}")
        np.testing.assert_allclose(values, expected, atol=1e-4 * expected.max())


def problem_copy(masks: MaskSet) -> MaskSet:
    """Make the set anew, as a draw does, so that no count or digest is there already."""
    return masks.with_masks({}, origin="again")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--network", choices=NETWORKS)
    parser.add_argument("--lapack", action="store_true", help="also the dense adjacency")
    arguments = parser.parse_args()
    machine = describe_machine({})
    print(f"{machine['processor']}, {machine['cores']} usable cores, load {machine['load']:.2f}")
    count = POOL * BATCH_SIZE
    images = torch.randn((count, 3, 32, 32), generator=torch.Generator().manual_seed(0))
    data = TensorData(images, torch.arange(count) % 10, 10, "noise")
    with pinned(1):
        for network in [arguments.network] if arguments.network else NETWORKS:
            model = build_network(network, input_shape=(3, 32, 32), n_classes=10)
            density = NETWORKS[network]
            problem = Problem(model, Recipe("snip", density, batch_size=BATCH_SIZE), data)
            print(f"{network}, SNIP at density {density:g}, {problem.size:,} weights, one thread")
            scores(draws(problem), lapack=arguments.lapack)


if __name__ == "__main__":
    main()
