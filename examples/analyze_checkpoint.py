"""Analyze a checkpoint of torch.nn.utils.prune: your own, or one that is made here.

Run `python examples/analyze_checkpoint.py [FILE] --out DIR`.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn
from torch.nn.utils import prune

import masktopo
from masktopo.networks import build_network

SHOWN = ["nnz", "density", "effective_density", "ramanujan_gap", "imdb", "full_spectrum", "valid"]


def save_pruned(path: Path) -> None:
    """Keep the 5 % largest weights of a small CNN, and save it as PyTorch users do."""
    model = build_network("smallcnn", input_shape=(1, 8, 8), n_classes=10, rng=0)
    layers = [module for module in model if isinstance(module, nn.Conv2d | nn.Linear)]
    prune.global_unstructured(
        [(layer, "weight") for layer in layers], prune.L1Unstructured, amount=0.95
    )
    torch.save(model.state_dict(), path)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Analyze a checkpoint of torch.nn.utils.prune.")
    parser.add_argument("file", nargs="?", type=Path, help="a pruned checkpoint")
    parser.add_argument("-o", "--out", type=Path, default=Path("analysis"))
    given = parser.parse_args(arguments)
    given.out.mkdir(parents=True, exist_ok=True)
    file = given.file or given.out / "pruned.pt"
    if given.file is None:
        save_pruned(file)
    report = masktopo.analyze(file)
    print(report.layers[SHOWN].round(3).to_string())
    print(report.network.round(3).to_string())
    print(*report.notes, sep="\n")
    report.to_html(given.out / "report.html")
    report.plot().figure.savefig(given.out / "coordinates.png", dpi=150)
    print(f"written: {given.out / 'report.html'} and {given.out / 'coordinates.png'}")


if __name__ == "__main__":
    main()
