"""What the graphs of ResNet-20 and ResNet-50 cost end to end: time, and peak memory.

Each network is measured in a child process of its own::

    python benchmarks/network_cost.py                     # both
    python benchmarks/network_cost.py --network resnet20

ResNet-20 at 32x32 with 2 % of its weights has its edges listed; ResNet-50 at 224x224 with 10 % of
them is matrix-free. Times are medians over a second of runs, but at least one, after a run that
loads compiled code. Memory is the peak resident set, before the first step (Python, torch, masks
and the traced wiring) and after the last.
"""

import argparse
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from masktopo._threads import limited_blas
from masktopo.bench.machine import describe_machine
from masktopo.bench.suites.network_metrics import all_metrics, without_list
from masktopo.bench.timing import measure
from masktopo.bench.traced import masks_of, traced_wiring
from masktopo.graphs.build import network_graph
from masktopo.graphs.multipartite import MultipartiteGraph

Step = tuple[str, Callable[[], Any]]


def steps_of_listed(build: Callable[..., MultipartiteGraph]) -> Iterator[Step]:
    """Yield the steps of a graph whose edges are listed."""
    # First, while nothing of the kind is held: the memory of one graph serves the next.
    yield "graph, edges listed", partial(build, representation="explicit")
    graph = build(representation="explicit")
    yield "graph, edges listed, in fresh memory", partial(build, representation="explicit")
    yield "all metrics, no motifs, no eigenvalues", partial(all_metrics, graph)
    yield "all metrics and motifs", partial(all_metrics, graph, motifs=True)
    yield "all metrics and eigenvalues", partial(all_metrics, graph, eigenvalues=True)


def steps_of_matrix_free(build: Callable[..., MultipartiteGraph]) -> Iterator[Step]:
    """Yield the steps of a graph whose edges are never listed."""
    yield "graph, matrix-free", partial(build, representation="matrix-free")
    yield (
        "graph, paths, effective counts, degrees, strengths, dead ends",
        lambda: without_list(build(representation="matrix-free")),
    )


NETWORKS = {"resnet20": (0.02, steps_of_listed), "resnet50": (0.1, steps_of_matrix_free)}


def peak_gigabytes() -> float:
    """Return the largest resident set so far; ``ru_maxrss`` counts bytes on macOS only."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:9,.1f} ms"


def report(network: str) -> None:
    """Measure and print every step of a network."""
    density, steps = NETWORKS[network]
    wiring = traced_wiring(network)
    masks = masks_of(wiring, "uniform", density)
    before = peak_gigabytes()
    build = partial(network_graph, masks, wiring, encoding="unrolled")
    print(f"{network}, density {density:g}, {build().n_edges:,} edges")
    for name, step in steps(build):
        step()
        found = measure(step, budget=1.0)
        print(f"  {name:62}{_ms(found.median)}  CPU {_ms(found.cpu)}  {found.runs:3} runs")
    print(
        f"  peak memory {peak_gigabytes():.2f} GB, of which {before:.2f} GB before the first step"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--network", choices=NETWORKS)
    network = parser.parse_args().network
    if network:
        with limited_blas(1):  # as `masktopo.analyze` does
            report(network)
        return
    machine = describe_machine({})
    print(f"{machine['processor']}, {machine['cores']} usable cores, load {machine['load']:.2f}")
    for name in NETWORKS:
        subprocess.run([sys.executable, __file__, "--network", name], check=True)


if __name__ == "__main__":
    main()
