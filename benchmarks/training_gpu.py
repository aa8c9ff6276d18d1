"""How fast a network trains with and without masks, and how accurate it becomes.

First images per second, dense and masked, for every way of taking steps that the device allows:
untimed steps to warm up, then repeated runs of steps, timed by events on a GPU. Then, with the
fastest of these ways, the test accuracy after some epochs at density 1, 0.1 and 0.01, for random
masks of ERK densities, for SNIP, and for the largest weights of the trained dense network, which
are trained on for as many epochs again.

Every cell is a file in the folder of `--out` and is skipped if it is there, so that a run that was
cut off goes on when it is started again; results.json and results.md are written anew after every
cell.

    python -m benchmarks.training_gpu --data folder:cifar10-images.tar.xz --out results
    python -m benchmarks.training_gpu --quick --out quick
"""

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

import masktopo
from masktopo.data import DataSplits, TensorData, resolve_data
from masktopo.masks.maskset import MaskSet
from masktopo.networks import build_network
from masktopo.training.augment import AUGMENTATIONS
from masktopo.training.config import TrainConfig
from masktopo.training.environment import describe_environment
from masktopo.training.masked import hold_pruned_at_zero, pruned_places
from masktopo.training.optimizer import make_optimizer, repeatable_algorithms
from masktopo.training.step import Step, make_step, memory_format

DENSE = "dense"
AFTER_TRAINING = "magnitude-after-training"
METHODS = ("random-erk", "snip", AFTER_TRAINING)
SPEED_DENSITY = 0.1

Record = dict[str, Any]


@dataclass(frozen=True)
class Plan:
    """What is measured."""

    data: DataSplits
    device: torch.device
    out: Path
    model: str
    epochs: int
    densities: tuple[float, ...]
    steps: tuple[str, ...]
    batch_size: int
    timed_steps: int
    repeats: int
    seed: int
    deadline: float

    @property
    def config(self) -> TrainConfig:
        """The protocol, with augmentation where the samples are images."""
        photographs = len(self.data.train.sample_shape) == 3
        return TrainConfig(
            epochs=self.epochs,
            batch_size=self.batch_size,
            augment="crop-flip" if photographs else None,
        )

    def network(self) -> nn.Module:
        """Build the network on the device, always with the same weights."""
        model = build_network(
            self.model,
            input_shape=self.data.train.sample_shape,
            n_classes=self.data.train.n_classes,
            rng=self.seed,
        )
        return model.to(self.device)


def main(arguments: list[str] | None = None) -> None:
    # Deterministic matrix products on a GPU need this before the first of them.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    plan = read_plan(arguments)
    longest = 0.0
    for name, measure in cells(plan):
        path = plan.out / "cells" / f"{name}.json"
        if path.exists():
            continue
        if time.monotonic() + longest > plan.deadline:
            print(f"no time is left for {name}")
            break
        start = time.monotonic()
        record = {**measure(), "cell_seconds": time.monotonic() - start}
        if "accuracy" in name:
            longest = max(longest, record["cell_seconds"])
        write(path, json.dumps(record, indent=1))
        print(f"{name}: {summary(record)}", flush=True)
        write_results(plan)
    write_results(plan)


def read_plan(arguments: list[str] | None) -> Plan:
    start = time.monotonic()
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", help="as for `masktopo train`; --quick has synthetic images")
    parser.add_argument("--model", help="default resnet18, with --quick resnet20")
    parser.add_argument("--epochs", type=int, help="of every training; default 30, or 1")
    parser.add_argument("--out", type=Path, default=Path("training-gpu"), help="folder")
    parser.add_argument("--minutes", type=float, default=60.0, help="start no cell that ends later")
    parser.add_argument("--steps", help="ways of taking steps, by commas; default: all that run")
    parser.add_argument("--device", help="by default a GPU where there is one")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="in miniature, for a CPU")
    given = parser.parse_args(arguments)
    device = torch.device(given.device or ("cuda:0" if torch.cuda.is_available() else "cpu"))
    every_step = ("eager", "graph", "compiled", "compiled-graph")
    steps = every_step if device.type == "cuda" else ("eager",)
    data = resolve_data(given.data or ("synthetic:3x16x16:10" if given.quick else "digits"))
    print(f"{len(data.train)} training images after {time.monotonic() - start:.1f} s", flush=True)
    return Plan(
        data=data,
        device=device,
        out=given.out,
        model=given.model or ("resnet20" if given.quick else "resnet18"),
        epochs=given.epochs or (1 if given.quick else 30),
        densities=(0.1,) if given.quick else (0.1, 0.01),
        steps=tuple(given.steps.split(",")) if given.steps else steps,
        batch_size=128,
        timed_steps=2 if given.quick else 50,
        repeats=2 if given.quick else 7,
        seed=given.seed,
        deadline=start + 60 * given.minutes,
    )


def cells(plan: Plan) -> Iterator[tuple[str, Callable[[], Record]]]:
    """Yield every cell: what decides most comes first, where time may run out."""
    for step in plan.steps:
        for density in (1.0, SPEED_DENSITY):
            yield f"speed-{step}-{density:g}", lambda s=step, d=density: speed(plan, s, d)
    yield accuracy_name(DENSE, 1.0), lambda: accuracy(plan, DENSE, 1.0)
    for density in plan.densities:
        for method in METHODS:
            yield (
                accuracy_name(method, density),
                lambda m=method, d=density: accuracy(plan, m, d),
            )


def accuracy_name(method: str, density: float) -> str:
    return f"accuracy-{method}-{density:g}"


def speed(plan: Plan, step: str, density: float) -> Record:
    """Measure images per second; a way of taking steps that fails here is recorded as such."""
    record: Record = {"kind": "speed", "step": step, "density": density}
    try:
        rates = measured_rates(plan, step, density)
    except Exception as error:  # compilers and drivers fail in ways of their own
        return {**record, "error": f"{type(error).__name__}: {error}"[:400]}
    quartiles = statistics.quantiles(rates, n=4) if len(rates) > 2 else [min(rates)] * 3
    return {
        **record,
        "images_per_second": statistics.median(rates),
        "lower_quartile": quartiles[0],
        "upper_quartile": quartiles[2],
        "repeats": len(rates),
        "steps": plan.timed_steps,
    }


def measured_rates(plan: Plan, step: str, density: float) -> list[float]:
    """Return images per second of every repeat."""
    model = plan.network().train()
    config = plan.config.with_changes({"step": step})
    masks = None
    if density < 1:
        masks = masktopo.prune(model, method="random-erk", density=density, rng=plan.seed)
        model = masks.apply(model).train()
    model.to(memory_format=memory_format(plan.device))
    data = plan.data.training_part.to(plan.device)
    optimizer = make_optimizer(model, config)
    parameters = dict(model.named_parameters())
    batches = device_batches(data, config, plan)
    with (
        repeatable_algorithms(),
        hold_pruned_at_zero(optimizer, parameters, pruned_places(masks, parameters)),
    ):
        take = make_step(model, optimizer, data, config)
        for chosen, draws in batches[: max(plan.timed_steps // 2, 1)]:
            take(chosen, draws)
        seconds = [
            timed(plan.device, take, batches[: plan.timed_steps]) for _ in range(plan.repeats)
        ]
    return [plan.timed_steps * plan.batch_size / value for value in seconds]


def device_batches(
    data: TensorData, config: TrainConfig, plan: Plan
) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Draw batches and their augmentation, all on the device."""
    shape = (plan.timed_steps, plan.batch_size)
    generator = torch.Generator().manual_seed(plan.seed)
    chosen = torch.randint(len(data), shape, generator=generator).to(plan.device)
    draw = AUGMENTATIONS[config.augment or "crop-flip"].draw
    draws = draw(plan.timed_steps * plan.batch_size, generator).to(plan.device)
    return list(zip(chosen, draws.split(plan.batch_size), strict=True))


def timed(
    device: torch.device, take: Step, batches: list[tuple[torch.Tensor, torch.Tensor]]
) -> float:
    """Return the seconds of one step for every batch."""
    if device.type != "cuda":
        start = time.perf_counter()
        for chosen, draws in batches:
            take(chosen, draws)
        return time.perf_counter() - start
    begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    torch.cuda.synchronize(device)
    begin.record()
    for chosen, draws in batches:
        take(chosen, draws)
    end.record()
    torch.cuda.synchronize(device)
    return begin.elapsed_time(end) / 1000


def accuracy(plan: Plan, method: str, density: float) -> Record:
    """Train one network, and test it once."""
    step = fastest_step(plan)
    model = plan.network()
    start = time.monotonic()
    masks = choose_masks(plan, model, method, density)
    pruned = time.monotonic()
    options: Record = {"config": plan.config.with_changes({"step": step}), "rng": plan.seed}
    runs = plan.out / "runs"
    if method == AFTER_TRAINING:
        ticket = masktopo.prune_after_training(
            model, plan.data, density=density, out=runs, device=plan.device, **options
        )
        result = ticket.result
    else:
        folder = runs / DENSE if method == DENSE else None
        result = masktopo.train(model, masks, plan.data, out=folder, device=plan.device, **options)
    return {
        "kind": "accuracy",
        "method": method,
        "density": density,
        "nnz": None if result.masks is None else result.masks.nnz,
        "epochs": plan.epochs * (2 if method == AFTER_TRAINING else 1),
        "step": step,
        "test_accuracy": result.test_accuracy,
        "validation_accuracy": result.validation_accuracy,
        "best_epoch": result.best_epoch,
        "images_per_second": float(result.history["images_per_second"].median()),
        "pruning_seconds": None if masks is None else pruned - start,
        "training_seconds": float(result.history["seconds"].sum()),
        "history": result.history.to_dict("records"),
    }


def choose_masks(plan: Plan, model: nn.Module, method: str, density: float) -> MaskSet | None:
    """Prune at initialisation, by the methods that do."""
    if method in (DENSE, AFTER_TRAINING):
        return None
    data = plan.data if method == "snip" else None
    return masktopo.prune(model, data, method=method, density=density, rng=plan.seed)


def fastest_step(plan: Plan) -> str:
    """Return the way of taking steps that was fastest under masks."""
    found = {
        record["step"]: record["images_per_second"]
        for record in read_cells(plan)
        if record["kind"] == "speed" and record["density"] < 1 and "error" not in record
    }
    return max(found, key=found.__getitem__) if found else "eager"


def read_cells(plan: Plan) -> list[Record]:
    paths = (plan.out / "cells" / f"{name}.json" for name, _ in cells(plan))
    return [json.loads(path.read_text()) for path in paths if path.exists()]


def write_results(plan: Plan) -> None:
    """Write what is there as one JSON file and one page of tables."""
    environment = {
        **describe_environment(plan.device),
        "cuda": torch.version.cuda,
        "cudnn": torch.backends.cudnn.version() if plan.device.type == "cuda" else None,
        "cpu_count": os.cpu_count(),
        "model": plan.model,
        "data": plan.data.train.name,
        "training_images": len(plan.data.training_part),
        "test_images": len(plan.data.test),
        "config": plan.config.digest,
        "seed": plan.seed,
    }
    records = read_cells(plan)
    write(plan.out / "results.json", json.dumps({**environment, "cells": records}, indent=1))
    write(plan.out / "results.md", page(plan, environment, records))


def page(plan: Plan, environment: Record, records: list[Record]) -> str:
    where = environment["device_name"] or f"CPU, {environment['threads']} threads"
    lines = [
        f"# Training {plan.model} on {environment['data']}",
        "",
        f"{where}; torch {environment['torch']}, CUDA {environment['cuda']}, cuDNN "
        f"{environment['cudnn']}, Python {environment['python']}, masktopo "
        f"{environment['masktopo']}. Batch {plan.batch_size}, {environment['training_images']} "
        f"training and {environment['test_images']} test images, seed {plan.seed}, precision "
        f"auto, augmentation {plan.config.augment}.",
        "",
        "## Images per second",
        "",
        "| step | density | median | quartiles | repeats of steps |",
        "| --- | --- | --- | --- | --- |",
        *(speed_row(record) for record in records if record["kind"] == "speed"),
        "",
        f"## Accuracy after {plan.epochs} epochs",
        "",
        "| method | density | weights kept | test | validation | best epoch | epochs | step | "
        "images/s | s pruning | s training |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
        *(accuracy_row(record) for record in records if record["kind"] == "accuracy"),
        "",
        f"`{AFTER_TRAINING}`: the largest weights of the trained dense network, trained on from "
        "there under the whole schedule again, so its epochs are twice as many. The best "
        "validation epoch is tested. One seed: differences of a few tenths of a percent mean "
        "nothing.",
    ]
    return "\n".join(lines) + "\n"


def speed_row(record: Record) -> str:
    start = f"| {record['step']} | {record['density']:g} | "
    if "error" in record:
        return f"{start}fails here: {record['error'].splitlines()[0][:120]} | | |"
    low, high = record["lower_quartile"], record["upper_quartile"]
    return (
        f"{start}{record['images_per_second']:,.0f} | {low:,.0f} to {high:,.0f} | "
        f"{record['repeats']} of {record['steps']} |"
    )


def accuracy_row(record: Record) -> str:
    if "error" in record:
        return f"| {record['method']} | {record['error']} | | | | | | | | | |"
    kept = "all" if record["nnz"] is None else f"{record['nnz']:,}"
    seconds = record["pruning_seconds"]
    pruning = "-" if seconds is None else f"{seconds:.1f}"
    return (
        f"| {record['method']} | {record['density']:g} | {kept} | "
        f"{record['test_accuracy']:.2%} | {record['validation_accuracy']:.2%} | "
        f"{record['best_epoch']} | {record['epochs']} | {record['step']} | "
        f"{record['images_per_second']:,.0f} | {pruning} | "
        f"{record['training_seconds']:.1f} |"
    )


def summary(record: Record) -> str:
    if "error" in record:
        return str(record["error"])
    if record["kind"] == "speed":
        return f"{record['images_per_second']:,.0f} images/s"
    return f"test accuracy {record['test_accuracy']:.2%} in {record['training_seconds']:.0f} s"


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
