"""What the spectral coordinates cost beside their time a call, which `masktopo-bench` gives.

The share of the busier of two threads over many repeats, the first call of a process, peak memory,
and random networks of a null model:

    python -m benchmarks.spectral_cost

First call and memory are of processes of their own. Memory is the peak of the resident set while a
call runs, beyond what the process held before it, so Linux only.
"""

import argparse
import subprocess
import sys
import time
from collections.abc import Sequence
from functools import partial

import numpy as np

from masktopo.bench.masks import make_masks
from masktopo.bench.networks import shapes_of
from masktopo.bench.timing import measure
from masktopo.masks.maskset import MaskSet
from masktopo.metrics.null_masks import null_model
from masktopo.metrics.spectral import coordinates

FIRST_CALL = """
import time
import numba, numpy as np, scipy.linalg, scipy.sparse
start = time.perf_counter()
from masktopo import LayerMask, MaskSet
from masktopo.metrics.spectral import coordinates
rng = np.random.default_rng(0)
draw = lambda *shape: (rng.random(shape) < 0.05, rng.standard_normal(shape, np.float32))
layers = [LayerMask("a", *draw(64, 32, 3, 3), "conv2d"), LayerMask("b", *draw(100, 200))]
coordinates(MaskSet(layers))
print(time.perf_counter() - start)
"""

PEAK = """
import ctypes, re, sys
from pathlib import Path
from benchmarks.spectral_cost import network
from masktopo.graphs.bipartite import bipartite
from masktopo.metrics.spectral import coordinates
name, rule, density, threads = sys.argv[1:]
status = Path("/proc/self/status")
resident = lambda key: int(re.search(key + r":\\s+(\\d+)", status.read_text())[1]) / 1024
coordinates(network("tiny-mlp", rule, 0.5), threads=int(threads))
masks = network(name, rule, float(density))
ctypes.CDLL(None).malloc_trim(0)
Path("/proc/self/clear_refs").write_text("5")
before = resident("VmRSS")
coordinates(masks, threads=int(threads))
extra = resident("VmHWM") - before
graphs = map(bipartite, masks.values())
sizes = [graph.indptr.nbytes + graph.indices.nbytes + graph.weights.nbytes for graph in graphs]
print(extra, max(sizes) / 2**20)
"""


def network(name: str, rule: str, density: float) -> MaskSet:
    """Make the masks of a network; of the decoder its largest layer only."""
    shapes = shapes_of(name)
    if name == "decoder-7b":
        shapes = tuple(layer for layer in shapes if layer.name == "mlp.gate_proj")
    return make_masks(shapes, rule, density)


def printed(code: str, *words: str) -> list[float]:
    """Run a program in a process of its own, and return the numbers that it prints."""
    command = [sys.executable, "-c", code, *words]
    found = subprocess.run(command, capture_output=True, text=True, check=True)
    return [float(word) for word in found.stdout.split()]


def two_threads(name: str, rule: str, density: float, repeats: int) -> str:
    """Compare the busier of two threads, the caller's one of them, with one, in CPU time."""
    masks = network(name, rule, density)
    shares = []
    for _ in range(repeats):
        coordinates(masks, threads=2)
        one, two = (
            measure(partial(coordinates, masks, threads=threads), budget=0.3) for threads in (1, 2)
        )
        shares.append(two.busiest / one.cpu)
    low, median, high = np.quantile(shares, [0.25, 0.5, 0.75])
    return (
        f"{name} {rule} {density:g}: median {median:.2f}, quartiles {low:.2f} and {high:.2f}, "
        f"all {min(shares):.2f} to {max(shares):.2f}"
    )


def null_draws(name: str, against: str, draws: int) -> float:
    """CPU seconds of random networks like an ERK mask of density 0.01, with coordinates."""
    masks = network(name, "erk", 0.01)
    coordinates(null_model(masks, against).draw(seed=0, index=0).masks)
    start = time.process_time()
    model = null_model(masks, against)
    for index in range(draws):
        coordinates(model.draw(seed=0, index=index).masks)
    return time.process_time() - start


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="small networks, few repeats")
    quick = parser.parse_args(words).quick
    name, repeats, draws = ("tiny-mlp", 2, 2) if quick else ("resnet18", 12, 100)
    print("busier of two threads, part of one thread's CPU time")
    for density in (0.01, 0.1):
        for rule in ("erk", "snip"):
            print("  " + two_threads(name, rule, density, repeats), flush=True)
    print("first call of a process that has imported numba, NumPy and SciPy, package imported too")
    firsts = sorted(printed(FIRST_CALL)[0] for _ in range(1 if quick else 5))
    print("  " + ", ".join(f"{seconds:.2f}" for seconds in firsts) + " s", flush=True)
    print("peak memory of a call; CSR arrays of the largest layer")
    cases = [(name, "erk", "0.1", threads) for threads in ("1", "2")]
    if not quick:
        cases += [("vit-b", "2:4", "0.5", "2"), ("decoder-7b", "erk", "0.5", "1")]
    for case in cases:
        extra, arrays = printed(PEAK, *case)
        print(f"  {' '.join(case)} threads: {extra:.0f} MB; {arrays:.0f} MB", flush=True)
    print(f"{draws} random networks with coordinates, CPU time")
    for against in ("degree", "shuffle"):
        print(f"  {against}: {null_draws(name, against, draws):.1f} s", flush=True)


if __name__ == "__main__":
    main()
