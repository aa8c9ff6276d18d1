"""Every kind of training on one small network, on a CPU.

Dense, static masks (random ERK, SNIP), magnitude after training, the lottery ticket, and dynamic
sparse training (SET, RigL), all at one density and under the protocol with few epochs on part of
the images. It shows that every kind runs and learns; for the order of the methods the trainings
are too short.

Every run is a folder in that of `--out`: started again, a study that was cut off goes on.
results.md and results.csv are written anew after every kind.

    python -m benchmarks.training_cpu --data folder:cifar10-images.tar.xz --out results
    python -m benchmarks.training_cpu --quick --out quick
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

import masktopo
from masktopo.data import DataSplits, hold_out, resolve_data
from masktopo.networks import build_network
from masktopo.training import DYNAMICS, TrainConfig, results
from masktopo.training.environment import describe_environment


@dataclass(frozen=True)
class Plan:
    """What is trained; all kinds share it."""

    data: DataSplits
    out: Path
    model: str
    density: float
    rounds: int
    every: int | None
    config: TrainConfig
    seed: int

    @property
    def options(self) -> dict[str, Any]:
        """Keywords of every training."""
        return {"config": self.config, "rng": self.seed, "device": "cpu"}

    @property
    def updates_every(self) -> int:
        """Steps between updates of masks: ten in all, unless it is said otherwise."""
        steps = self.config.epochs * len(self.data.training_part) // self.config.batch_size
        return self.every or max(steps // 10, 1)

    def network(self) -> nn.Module:
        """Build the network, always with the same weights."""
        train = self.data.train
        return build_network(
            self.model, input_shape=train.sample_shape, n_classes=train.n_classes, rng=self.seed
        )


def static(plan: Plan, method: str | None) -> None:
    """Train the dense network, or one under the masks of a pruning method."""
    model, masks = plan.network(), None
    if method is not None:
        data = plan.data if method == "snip" else None
        masks = masktopo.prune(model, data, method=method, density=plan.density, rng=plan.seed)
    masktopo.train(model, masks, plan.data, out=plan.out / (method or "dense"), **plan.options)


def ticket(plan: Plan, find: Callable[..., Any], **more: Any) -> None:
    """Find a ticket; the dense run is shared."""
    find(plan.network(), plan.data, density=plan.density, out=plan.out, **more, **plan.options)


def dynamic(plan: Plan, growth: str) -> None:
    """Train under masks that change on ITOP21's schedule, but as often as the plan says."""
    settings = masktopo.DynamicSparsity(growth, every=plan.updates_every)
    options = {"dynamic": settings, "density": plan.density, **plan.options}
    masktopo.train(plan.network(), None, plan.data, out=plan.out / f"{growth}-growth", **options)


KINDS: dict[str, Callable[[Plan], None]] = {
    "dense": lambda plan: static(plan, None),
    "ERK, random": lambda plan: static(plan, "random-erk"),
    "SNIP": lambda plan: static(plan, "snip"),
    "magnitude after training": lambda plan: ticket(plan, masktopo.prune_after_training),
    "lottery ticket": lambda plan: ticket(plan, masktopo.lottery_ticket, rounds=plan.rounds),
    "SET": lambda plan: dynamic(plan, DYNAMICS["set"].growth),
    "RigL": lambda plan: dynamic(plan, DYNAMICS["rigl"].growth),
}
"""Every kind of training, in the order in which they run."""


def main(arguments: list[str] | None = None) -> None:
    plan = read_plan(arguments)
    for name, train in KINDS.items():
        start = time.monotonic()
        train(plan)
        print(f"{name}: {time.monotonic() - start:.0f} s", flush=True)
        write_results(plan)


def read_plan(arguments: list[str] | None) -> Plan:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", help="as for `masktopo train`; --quick has synthetic images")
    parser.add_argument("--model", default="resnet20")
    parser.add_argument(
        "--images",
        type=int,
        help="of the training set; default 10000",
    )
    parser.add_argument("--epochs", type=int, help="of every training; default 4, or 1")
    parser.add_argument("--density", type=float, default=0.1)
    parser.add_argument("--rounds", type=int, help="of the lottery ticket; default 3, or 1")
    parser.add_argument("--every", type=int, help="steps between updates; default: ten updates")
    parser.add_argument("--out", type=Path, default=Path("training-cpu"), help="folder")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="in miniature")
    given = parser.parse_args(arguments)
    data = resolve_data(given.data or ("synthetic:3x8x8:4" if given.quick else "digits"))
    photographs = len(data.train.sample_shape) == 3 and data.train.sample_shape[0] == 3
    return Plan(
        data=part_of(data, given.images or (200 if given.quick else 10_000)),
        out=given.out,
        model=given.model,
        density=given.density,
        rounds=given.rounds or (1 if given.quick else 3),
        every=given.every,
        config=TrainConfig(
            epochs=given.epochs or (1 if given.quick else 4),
            batch_size=32 if given.quick else 128,
            augment="crop-flip" if photographs else None,
        ),
        seed=given.seed,
    )


def part_of(data: DataSplits, images: int) -> DataSplits:
    """Take a fixed part of training and test set alike, every class in proportion."""
    share = images / len(data.train)
    if share >= 1:
        return data
    parts = (hold_out(whole, share, seed=0, name="part")[1] for whole in (data.train, data.test))
    return DataSplits(*parts)


def write_results(plan: Plan) -> None:
    """Write the table over all runs so far, and what it was measured with."""
    table = results([plan.out])
    table["run"] = [str(Path(run).relative_to(plan.out)) for run in table["run"]]
    table.to_csv(plan.out / "results.csv", index=False)
    environment = describe_environment(torch.device("cpu"))
    rows = [
        f"| {row['run']} | {row['density']:.3g} | {row['test_accuracy']:.2%} | "
        f"{row['validation_accuracy']:.2%} | {row['best_epoch']} of {row['epochs']} | "
        f"{row['explored']:.2%} | {row['seconds']:.0f} | {row['missing']} |"
        for row in table.to_dict("records")
    ]
    lines = [
        f"# Every kind of training: {plan.model} on {plan.data.train.name}",
        "",
        f"{environment['threads']} threads; torch {environment['torch']}, Python "
        f"{environment['python']}, masktopo {environment['masktopo']}. "
        f"{len(plan.data.training_part)} training and {len(plan.data.test)} test images, "
        f"{plan.config.epochs} epochs of batches of {plan.config.batch_size}, masks updated every "
        f"{plan.updates_every} steps, seed {plan.seed}.",
        "",
        "| run | density | test | validation | best epoch | explored | s | missing |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
        *rows,
        "",
        "`density-*` is trained on from the dense network's weights, `round-*` anew from the "
        "initialisation; both take the dense training beside their own.",
    ]
    (plan.out / "results.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
