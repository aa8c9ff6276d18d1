"""Follow a network with branches from its input to its output, measure its graph, and draw it.

Run `python examples/trace_network.py --out DIR`.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import torch

import masktopo
from masktopo.networks import build_network

SHOWN = (
    "log10_paths",
    "effective_density",
    "path_length_mean",
    "min_cut",
    "min_cut_noskip",
    "sink_nodes",
    "bridges",
    "spectral_gap",
)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Trace a ResNet-20, measure and draw its graph.")
    parser.add_argument("-o", "--out", type=Path, default=Path("network"))
    parser.add_argument("--density", type=float, default=0.02)
    given = parser.parse_args(arguments)
    given.out.mkdir(parents=True, exist_ok=True)

    model = build_network("resnet20", input_shape=(3, 32, 32), n_classes=10, rng=0)
    wiring = masktopo.trace(model, torch.zeros(1, 3, 32, 32))
    skips = sum(link.mark == "skip" for link in wiring.links)
    print(f"{len(wiring.nodes)} node sets, {len(wiring.links)} links, {skips} of them skips")
    wiring.save(given.out / "wiring.json")

    masks = masktopo.prune(model, method="random-erk", density=given.density, rng=0)
    for encoding in ("channel", "unrolled"):
        report = masktopo.analyze(
            masks, wiring=wiring, encoding=encoding, metrics=["paths", "connectivity"]
        )
        print(f"\n{encoding}:\n{report.network[list(SHOWN)].round(3).to_string()}")

    graph = masktopo.multipartite(masks, wiring=wiring)
    graph.plot().figure.savefig(given.out / "graph.png", dpi=70, bbox_inches="tight")
    print(f"\nwritten: {given.out / 'graph.png'} and {given.out / 'wiring.json'}")


if __name__ == "__main__":
    main()
