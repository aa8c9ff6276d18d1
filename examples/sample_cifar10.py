"""Choose the masks of a ResNet-20 for CIFAR-10 among those of many SNIP draws.

Run `python examples/sample_cifar10.py --data folder:cifar10-images.tar.xz --out DIR`; any data that
`masktopo` takes will do. On one core it takes some five minutes, most of them for ticket 0, which
sees all images. A run that was stopped goes on, and what was chosen can be trained::

    masktopo train --model resnet20 --data folder:... --masks DIR/run/chosen.masks --epochs 30
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from torch import nn

import masktopo
from masktopo.data import DataSplits, resolve_data
from masktopo.networks import build_network

DENSITIES = (0.05, 0.02, 0.01, 0.005)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Choose masks of a ResNet-20 with PAGS.")
    parser.add_argument("--data", required=True, help="folder:PATH, cifar10:PATH, ...")
    parser.add_argument("-o", "--out", type=Path, default=Path("cifar10-choice"))
    parser.add_argument("--density", type=float, default=0.05)
    parser.add_argument("--samples", type=int, default=200)
    parser.add_argument("--batches", type=int, default=20)
    parser.add_argument("--pool", type=int, default=60)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--torch-threads", type=int, default=1)
    given = parser.parse_args(arguments)

    data = resolve_data(given.data)
    model = build_network(
        "resnet20", input_shape=data.train.sample_shape, n_classes=data.train.n_classes, rng=0
    )
    found = masktopo.pags(
        model,
        data,
        density=given.density,
        samples=given.samples,
        batches=given.batches,
        batch_size=given.batch_size,
        pool=given.pool,
        torch_threads=given.torch_threads,
        out=given.out / "run",
    )
    print(found)
    print(f"{found.explored:.1%} of the weights were in a candidate; drift {found.drift} weights")
    table = pd.DataFrame({"ticket": network_of(found.ticket), "chosen": network_of(found.masks)})
    print(table.to_string(float_format="{:.4g}".format))
    found.plot().savefig(given.out / "candidates.png", dpi=120)

    print("\nlayers with valid coordinates, in SNIP masks of a few batches:")
    few = {"batches": given.batches, "batch_size": given.batch_size}
    shares = pd.Series(
        {density: valid_share(model, data, density=density, **few) for density in DENSITIES},
        name="valid",
    )
    print(shares.rename_axis("density").to_string(float_format="{:.0%}".format))
    shares.rename_axis("density").to_csv(given.out / "valid-layers.csv")
    print(f"\nwritten: {given.out / 'run'}, {given.out / 'candidates.png'}")


def network_of(masks: masktopo.MaskSet) -> "pd.Series[float]":
    report = masktopo.analyze(masks, metrics="spectral")
    return report.network[["nnz", "valid_layers", "full_spectrum", "imdb", "imsg"]]


def valid_share(model: nn.Module, data: DataSplits, **options: float) -> float:
    masks = masktopo.prune(model, data, **options)
    return masktopo.analyze(masks, metrics="valid").layers["valid"].mean()


if __name__ == "__main__":
    main()
