"""What moving its mask brings a network: RigL beside the static mask that it starts from.

For every density and seed the same network is trained twice, from the same weights and the same
random ERK mask: once under that mask, once with RigL's updates (30 % of each layer at the start,
every 100 steps, until three quarters of the training; RIGL20). Differences are paired by seed.
Beside them stand the gains that google-research/rigl#8 gives for WRN-22-2 after 250 epochs.

Every run is a folder in that of `--out`: started again, or in several processes with seeds of
their own, a study goes on, and the table covers the seeds that are asked for.

    python -m benchmarks.dynamic_gain --data folder:cifar10-images.tar.xz --out gain
    python -m benchmarks.dynamic_gain --quick --out quick
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

import masktopo
from masktopo.data import resolve_data
from masktopo.networks import build_network
from masktopo.training import TrainConfig

PUBLISHED = {0.2: (0.929, 0.936), 0.1: (0.915, 0.929), 0.05: (0.890, 0.918)}
"""Test accuracies of static ERK masks and of RigL by density, from google-research/rigl#8."""


def accuracies(given: argparse.Namespace, density: float, seed: int) -> tuple[float, float]:
    """Train under the static mask and with RigL, and return both test accuracies."""
    data = resolve_data(given.data)
    shape = data.train.sample_shape
    config = TrainConfig(
        epochs=given.epochs,
        batch_size=given.batch_size,
        augment="crop-flip" if shape[0] == 3 else None,
        step=given.step,
    )
    model = build_network(given.model, input_shape=shape, n_classes=data.train.n_classes, rng=seed)
    masks = masktopo.prune(model, method="random-erk", density=density, rng=seed)
    found = []
    for name, dynamic in (("static", None), ("rigl", "rigl")):
        folder = given.out / f"{given.model}-density{density:g}-seed{seed}-{name}"
        run = masktopo.train(
            model, masks, data, dynamic=dynamic, config=config, rng=seed, out=folder
        )
        found.append(run.test_accuracy)
        print(f"{folder.name}: {run.test_accuracy:.2%}", flush=True)
    return found[0], found[1]


def row(density: float, found: Sequence[tuple[float, float]]) -> str:
    """Return a line of the table, with a t interval of the mean difference over seeds."""
    from scipy.stats import t

    static, rigl = 100 * np.mean(found, axis=0)
    gains = 100 * np.diff(found, axis=1)[:, 0]
    mean, text = float(gains.mean()), "-"
    if gains.size > 1:
        half = t.ppf(0.975, gains.size - 1) * gains.std(ddof=1) / np.sqrt(gains.size)
        text = f"{mean - half:+.2f} to {mean + half:+.2f}"
    known = PUBLISHED.get(density)
    published = "-" if known is None else f"{100 * (known[1] - known[0]):+.1f}"
    return (
        f"| {density:g} | {gains.size} | {static:.2f} | {rigl:.2f} | {mean:+.2f} | {text} | "
        f"{published} |"
    )


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", help="as for `masktopo train`; default digits")
    parser.add_argument("--model", default="resnet20")
    parser.add_argument("--densities", type=float, nargs="+", default=[0.1, 0.05])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--step", default="eager", help="as for `masktopo train`")
    parser.add_argument("--out", type=Path, default=Path("dynamic-gain"), help="folder")
    parser.add_argument("--quick", action="store_true", help="in miniature")
    given = parser.parse_args(words)
    if given.quick:
        given.model, given.epochs, given.batch_size = "mlp", 4, 8
    given.data = given.data or ("synthetic:3x8x8:4" if given.quick else "digits")
    lines = [
        row(density, [accuracies(given, density, seed) for seed in given.seeds])
        for density in given.densities
    ]
    print(
        f"\n{given.model} on {given.data}, {given.epochs} epochs of batches of {given.batch_size};"
        " test accuracies in percent\n"
        "\n| density | seeds | static ERK | RigL | gain | 95 % | published gain |"
        "\n| --- | --- | --- | --- | --- | --- | --- |"
    )
    print("\n".join(lines))


if __name__ == "__main__":
    main()
