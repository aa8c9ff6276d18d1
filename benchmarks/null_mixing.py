"""How many swaps an edge until a degree-preserving draw has forgotten where it started.

Starts from layers that are far from typical of their degrees, and prints for 1, 3, 10, 30, ...
accepted swaps an edge: the share of the start's edges that are still there, the mean of each
spectral coordinate over many draws, and how far that is from the mean after the most swaps, in
standard errors. A second table follows one long walk: the autocorrelation of the coordinates and
of the edges at distances of so many swaps an edge.

    python benchmarks/null_mixing.py --start blocks --density 0.01
"""

import argparse
from collections.abc import Sequence

import numpy as np
import pandas as pd

from masktopo import LayerMask, MaskSet
from masktopo.metrics.null_masks import null_model
from masktopo.metrics.spectral import COORDINATES, coordinates


def random_start(rng: np.random.Generator, shape: tuple[int, int], density: float) -> np.ndarray:
    """Uniform density: the start is typical already."""
    return rng.random(shape) < density


def hub_start(rng: np.random.Generator, shape: tuple[int, int], density: float) -> np.ndarray:
    """Degrees that fall off as a power law on both sides, as after SNIP."""
    rows, columns = (rng.permutation(np.arange(1.0, n + 1) ** -0.5) for n in shape)
    chance = np.outer(rows, columns)
    return rng.random(shape) < np.minimum(chance * density / chance.mean(), 1)


def block_start(rng: np.random.Generator, shape: tuple[int, int], density: float) -> np.ndarray:
    """Eight blocks without an edge between them."""
    row, column = (np.arange(n) * 8 // n for n in shape)
    return (row[:, None] == column) & (rng.random(shape) < 8 * density)


def band_start(rng: np.random.Generator, shape: tuple[int, int], density: float) -> np.ndarray:
    """Edges only near the diagonal: the second singular value is close to the first."""
    row, column = (np.arange(n) / n for n in shape)
    apart = np.abs(row[:, None] - column)
    near = np.minimum(apart, 1 - apart) < 0.05
    return near & (rng.random(shape) < 10 * density)


STARTS = {"random": random_start, "hubs": hub_start, "blocks": block_start, "band": band_start}


def network(start: str, shape: tuple[int, int], density: float, seed: int) -> MaskSet:
    rng = np.random.default_rng(seed)
    mask = STARTS[start](rng, shape, density)
    return MaskSet([LayerMask(start, mask, rng.standard_normal(shape).astype(np.float32))])


def kept_share(first: MaskSet, second: MaskSet) -> float:
    return (first & second).nnz / first.nnz


def mixing_table(masks: MaskSet, swaps: Sequence[int], draws: int, seed: int) -> pd.DataFrame:
    """One row a number of swaps: edges kept, means of the coordinates, distance from the last."""
    rows, values = [], []
    for per_edge in swaps:
        model = null_model(masks, "degree", swaps=per_edge)
        drawn = [model.draw(seed + per_edge, index).masks for index in range(draws)]
        values.append(np.array([coordinates(one).values[0] for one in drawn]))
        kept = np.mean([kept_share(masks, one) for one in drawn])
        rows.append({"swaps": per_edge, "edges kept": kept})
    table = pd.DataFrame(rows).set_index("swaps")
    last = values[-1]
    for index, name in enumerate(COORDINATES):
        column = [found[:, index] for found in values]
        errors = [np.sqrt((one.var(ddof=1) + last[:, index].var(ddof=1)) / draws) for one in column]
        table[name] = [one.mean() for one in column]
        table[f"{name} off"] = [
            (one.mean() - last[:, index].mean()) / error
            for one, error in zip(column, errors, strict=True)
        ]
    return table


def walk_table(masks: MaskSet, lags: Sequence[int], steps: int, seed: int) -> pd.DataFrame:
    """Autocorrelations along one walk of one swap an edge and step, and edges kept at each lag."""
    start = null_model(masks, "degree", swaps=max(lags)).draw(seed, 0).masks
    walk = [start]
    for step in range(steps):
        walk.append(null_model(walk[-1], "degree", swaps=1).draw(seed, step).masks)
    values = np.array([coordinates(one).values[0] for one in walk])
    centred = values - values.mean(axis=0)
    rows = []
    for lag in lags:
        products = (centred[lag:] * centred[:-lag]).mean(axis=0) / centred.var(axis=0)
        kept = np.mean([kept_share(a, b) for a, b in zip(walk, walk[lag:], strict=False)])
        names = dict(zip(COORDINATES, products, strict=True))
        rows.append({"lag": lag, "edges kept": kept, **names})
    return pd.DataFrame(rows).set_index("lag")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--start", choices=[*STARTS, "all"], default="all")
    parser.add_argument("--rows", type=int, default=128, help="outputs (default 128)")
    parser.add_argument("--columns", type=int, default=1152, help="inputs (default 1152)")
    parser.add_argument("--density", type=float, default=0.02, help="density (default 0.02)")
    parser.add_argument("--swaps", default="1,3,10,30,100", help="accepted swaps an edge")
    parser.add_argument("--draws", type=int, default=200, help="draws a row (default 200)")
    parser.add_argument("--steps", type=int, default=400, help="steps of the walk (default 400)")
    parser.add_argument("--seed", type=int, default=0, help="seed (default 0)")
    arguments = parser.parse_args()
    swaps = [int(text) for text in arguments.swaps.split(",")]
    shape = arguments.rows, arguments.columns
    for start in STARTS if arguments.start == "all" else [arguments.start]:
        masks = network(start, shape, arguments.density, arguments.seed)
        own = dict(zip(COORDINATES, coordinates(masks).values[0].round(3).tolist(), strict=True))
        print(f"\n{start}: {masks.nnz} edges, {shape[0]} x {shape[1]}, itself {own}")
        table = mixing_table(masks, swaps, arguments.draws, arguments.seed)
        print("\nmeans over draws ('off': from the last row, in standard errors)")
        print(table.to_string(float_format="{:.3f}".format))
        lags = [lag for lag in swaps if lag <= arguments.steps // 4]
        print("\nautocorrelation along a walk")
        walk = walk_table(masks, lags, arguments.steps, arguments.seed)
        print(walk.to_string(float_format="{:.3f}".format))


if __name__ == "__main__":
    main()
