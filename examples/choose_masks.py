"""Choose masks with PAGS, beside the SNIP mask that it starts from, and train both.

Run `python examples/choose_masks.py --out DIR`.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

import masktopo
from masktopo.networks import build_network


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Choose masks with PAGS and train them.")
    parser.add_argument("-o", "--out", type=Path, default=Path("choice"))
    parser.add_argument("--density", type=float, default=0.02)
    parser.add_argument("--samples", type=int, default=20)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--seeds", type=int, default=3, help="trainings of each mask")
    given = parser.parse_args(arguments)

    model = build_network("smallcnn", input_shape=(1, 8, 8), n_classes=10, rng=0)
    sampling = {"density": given.density, "samples": given.samples, "batches": 4, "batch_size": 64}
    found = masktopo.pags(model, "digits", method="snip", **sampling)
    print("layers were taken from sample (0: the SNIP mask)", found.winners.to_dict())

    rows = []
    for name, masks in {"snip": found.ticket, "pags": found.masks}.items():
        report = masktopo.analyze(masks, metrics="spectral")
        for seed in range(given.seeds):
            options = {"epochs": given.epochs, "initial": found.initial, "rng": seed}
            trained = masktopo.train(model, masks, "digits", device="cpu", **options)
            rows.append({"masks": name, "seed": seed, "accuracy": trained.test_accuracy})
        shown = report.network[["nnz", "valid_layers", "full_spectrum", "imdb"]].round(3)
        print(f"{name}: {shown.to_dict()}")
    table = pd.DataFrame(rows)
    print("test accuracy, one network and one mask of each kind; sd is over trainings:")
    print(table.groupby("masks")["accuracy"].agg(["mean", "std", "count"]).to_string())
    found.save(given.out)
    table.to_csv(given.out / "accuracies.csv", index=False)
    print(f"written: {given.out / 'chosen.masks'} and {given.out / 'accuracies.csv'}")


if __name__ == "__main__":
    main()
