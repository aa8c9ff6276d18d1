"""Where the time of the spectral coordinates goes: every stage replayed by itself.

Compiled kernels show no names to a sampling profiler, so each stage of every problem is run
again alone, on the arrays that it really gets. ``python benchmarks/spectral_profile.py`` prints
CPU milliseconds of one thread over all layers of a ResNet-18, and each stage's share.
"""

import argparse
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from masktopo.bench.masks import make_masks
from masktopo.bench.networks import shapes_of
from masktopo.graphs.bipartite import BipartiteGraph, bipartite
from masktopo.kernels.component import solve_component
from masktopo.kernels.gram import fill_gram, gram_pays, multiply_gram
from masktopo.kernels.lanczos import lanczos
from masktopo.kernels.products import multiply
from masktopo.kernels.tasks import copy_task
from masktopo.kernels.union import is_connected
from masktopo.kernels.vectors import fill_random, orthogonalize
from masktopo.kernels.workspace import SMALL, Workspace
from masktopo.masks.maskset import MaskSet
from masktopo.metrics.conventions import CONVENTIONS
from masktopo.metrics.spectra import degree_classes
from masktopo.metrics.workspace import Buffers, edge_values

Matrix = tuple[NDArray[np.int64], NDArray[np.unsignedinteger], NDArray[np.floating]]

Spent = defaultdict[str, float]

RULE = CONVENTIONS["pags23"]


def fastest(function: Callable[..., object], *arguments: object, repeats: int = 3) -> float:
    """CPU milliseconds of the fastest of some runs, after one that warms up."""
    function(*arguments)
    best = float("inf")
    for _ in range(repeats):
        start = time.thread_time()
        function(*arguments)
        best = min(best, time.thread_time() - start)
    return 1e3 * best


def net(function: Callable[..., object], full: tuple[Any, ...], empty: tuple[Any, ...]) -> float:
    """Cost of a call without that of entering a kernel from Python."""
    return max(fastest(function, *full) - fastest(function, *empty), 0.0)


def profile_layer(graph: BipartiteGraph, buffers: Buffers, spent: Spent) -> None:
    classes = degree_classes(graph, RULE)
    work, values = buffers.workspace(graph), edge_values(graph)
    per_right, extra = RULE.part_edges
    for task, (start, stop) in enumerate(zip(classes.starts, classes.stops, strict=True)):
        rows = classes.rows[start:stop]
        arguments = (graph.indptr, graph.indices, values, rows, -1.0, -1, work)
        n_rows, n, edges = copy_task(*arguments)
        if not edges or (task and edges < per_right * (n_rows + n - rows.size) + extra):
            continue
        spent["copying tasks"] += fastest(copy_task, *arguments)
        matrix = work.indptr[: n_rows + 1].copy(), work.indices[:edges].copy()
        kept = work.values[:edges].copy()
        spent["connectivity"] += fastest(is_connected, *matrix, kept[:0], -1.0, n, work.parent)
        fill_random(work.start[:n], edges)
        for weights in (kept[:0], kept):
            if edges < n_rows * n or weights.size:
                profile_problem((*matrix, weights), n, work, spent)


def profile_problem(matrix: Matrix, n: int, work: Workspace, spent: Spent) -> None:
    """Split one solved problem into products, orthogonalisation and the rest."""
    whole = fastest(solve_component, *matrix, n, work)
    spent["problems"] += 1
    if n <= SMALL:
        spent["small sides: Gram and Householder"] += whole
        return
    indptr, columns, weights = matrix
    weighted = weights.size > 0
    shared = (work.gram, work.basis, work.alpha, work.beta, work.last, work.scratch)
    work.basis[:n] = work.start[:n]
    _, _, steps, _ = lanczos(*matrix, weighted, n, *shared)
    spent["steps"] += steps
    vector, image = work.start[:n], np.empty(n)
    first = gram_pays(indptr, n, work.gram.size, 8)
    dense = first or (steps > 8 and gram_pays(indptr, n, work.gram.size, 25))
    sparse_steps = 0 if first else (min(steps, 8) if dense else steps)
    nothing = np.zeros(1, np.int64), columns[:0], weights[:0], weighted, vector[:0], image[:0]
    sparse = net(multiply, (*matrix, weighted, vector, image), nothing)
    spent["products"] += (sparse_steps + 2) * sparse
    if dense:
        short = work.gram, vector[:0], image[:0]
        full = work.gram, vector, image
        spent["products"] += (steps - sparse_steps) * net(multiply_gram, full, short)
        form = (*matrix, weighted, n, work.gram)
        spent["forming Gram matrices"] += fastest(fill_gram, *form)
    for count in range(1, steps + 1):
        full, short = (work.basis, n, count, image), (work.basis, n, 0, image)
        spent["orthogonalisation"] += net(orthogonalize, full, short)
    spent["solving, whole"] += whole


def encode(masks: MaskSet) -> list[BipartiteGraph]:
    return [bipartite(layer) for layer in masks.values()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--network", default="resnet18")
    arguments = parser.parse_args()
    for rule, density in (("erk", 0.01), ("erk", 0.1), ("snip", 0.01), ("snip", 0.1)):
        masks = make_masks(shapes_of(arguments.network), rule, density)
        spent: Spent = defaultdict(float)
        buffers = Buffers()
        spent["dense to CSR"] = fastest(encode, masks)
        for graph in encode(masks):
            profile_layer(graph, buffers, spent)
        print(f"\n{rule} {density:g}: {spent.pop('problems'):.0f} problems, ", end="")
        print(f"{spent.pop('steps'):.0f} Lanczos steps")
        whole = spent.pop("solving, whole")
        known = ("products", "orthogonalisation", "forming Gram matrices")
        spent["bisection, vectors, residuals, calls"] = whole - sum(spent[name] for name in known)
        total = sum(spent.values())
        for name, cost in sorted(spent.items(), key=lambda item: -item[1]):
            print(f"  {name:38s} {cost:8.1f} ms {cost / total:6.0%}")


if __name__ == "__main__":
    main()
