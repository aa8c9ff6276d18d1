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

import masktopo
from masktopo.data import resolve_data
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
    given = parser.parse_args(arguments)

    data = resolve_data(given.data)
    shape, n_classes = data.train.sample_shape, data.train.n_classes
    model = build_network("resnet20", input_shape=shape, n_classes=n_classes, rng=0)
    batches = {"batches": given.batches, "batch_size": given.batch_size}
    options = {"density": given.density, "samples": given.samples, "pool": given.pool, **batches}
    found = masktopo.pags(model, data, out=given.out / "run", **options)
    print(found)
    print(f"{found.explored:.1%} of the weights were in a candidate; drift {found.drift} weights")
    table = pd.DataFrame({"ticket": measured(found.ticket), "chosen": measured(found.masks)})
    print(table.to_string(float_format="{:.4g}".format))
    found.plot().savefig(given.out / "candidates.png", dpi=120)

    shares = {}
    for density in DENSITIES:
        masks = masktopo.prune(model, data, density=density, **batches)
        shares[density] = masktopo.analyze(masks, metrics="valid").layers["valid"].mean()
    valid = pd.Series(shares, name="valid").rename_axis("density")
    print("\nshare of layers with valid coordinates, in SNIP masks of a few batches:")
    print(valid.to_string(float_format="{:.0%}".format))
    valid.to_csv(given.out / "valid-layers.csv")
    print(f"\nwritten: {given.out / 'run'}, {given.out / 'candidates.png'}")


def measured(masks: masktopo.MaskSet) -> "pd.Series[float]":
    report = masktopo.analyze(masks, metrics="spectral")
    return report.network[["nnz", "valid_layers", "full_spectrum", "imdb", "imsg"]]


if __name__ == "__main__":
    main()
