"""Command ``train``: train a network, dense, under masks or in search of a ticket, and test it."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from masktopo._progress import shows_progress
from masktopo.cli.outputs import check_folder
from masktopo.cli.shared import add_network_arguments, load_network
from masktopo.errors import ArgumentError

if TYPE_CHECKING:
    from masktopo.training.ticket import Ticket

__all__ = ["add_arguments", "run"]

TICKETS = ("imp", "after-training", "early-bird")

TAKES = {
    "one network": ("masks",),
    "--monitor": ("masks", "monitor", "every"),
    "--dst": ("masks", "density", "monitor", "every"),
    "imp": ("density", "rounds", "rewind_steps"),
    "after-training": ("density",),
    "early-bird": ("density",),
}
"""Which options each kind of training takes, of those that not all do."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_network_arguments(parser)
    parser.add_argument("--masks", help="mask checkpoint; without one the dense network is trained")
    kinds = parser.add_mutually_exclusive_group()
    kinds.add_argument("--dst", metavar="METHOD", help="change masks: itop, set, rigl, rigl-itop")
    kinds.add_argument("--ticket", choices=TICKETS, help="find a ticket by training")
    kinds.add_argument(
        "--imp", action="store_const", const="imp", dest="ticket", help="the same as --ticket imp"
    )
    parser.add_argument(
        "--density", type=float, help="share kept, of a ticket or of --dst without --masks (0.01)"
    )
    parser.add_argument(
        "--monitor", metavar="METRICS", help="measure on the way, comma-separated, into --out"
    )
    parser.add_argument(
        "--every",
        type=int,
        help="steps between updates of --dst, and between snapshots of --monitor (100)",
    )
    parser.add_argument("--rounds", type=int, help="rounds of --imp; default: 20 %% pruned in each")
    parser.add_argument("--rewind-steps", type=int, help="step to which --imp rewinds (default 0)")
    parser.add_argument("--epochs", type=int, default=250, help="of every training, default 250")
    parser.add_argument("--batch-size", type=int, help="samples a step, default 128")
    parser.add_argument("--learning-rate", type=float, help="of the first epochs, default 0.1")
    parser.add_argument("--augment", help="crop-flip: crop and mirror photographs at random")
    parser.add_argument(
        "--step",
        default="eager",
        help="eager (default), compiled, graph (recorded, on a GPU) or compiled-graph",
    )
    parser.add_argument("--device", help="cpu, cuda, ...; by default a GPU where there is one")
    parser.add_argument("-o", "--out", type=Path, help="the run's folder; a finished run is read")


def run(arguments: argparse.Namespace) -> None:
    """Train, and print the test accuracy."""
    given = _given(arguments)
    if arguments.out is not None:
        check_folder(arguments.out)
    model, data = load_network(arguments)
    shared = {
        **_changes(arguments),
        "epochs": arguments.epochs,
        "augment": arguments.augment,
        "step": arguments.step,
        "rng": arguments.seed,
        "device": arguments.device,
        "out": arguments.out,
        "progress": shows_progress(False if arguments.quiet else None),
    }
    if arguments.ticket is not None:
        print(describe(_find(arguments.ticket)(model, data, **given, **shared)))
        return
    from masktopo.training.train import train

    masks = given.pop("masks", None)
    every = given.pop("every", None)
    dynamic = _dynamic(arguments.dst, every)
    monitor = _monitor(given.pop("monitor", None), every)
    result = train(model, masks, data, dynamic=dynamic, monitor=monitor, **given, **shared)
    changed = "" if dynamic is None else f", explored {result.explored:.2%} of the weights"
    print(f"test accuracy {result.test_accuracy:.4f} (best epoch {result.best_epoch}){changed}")


def describe(ticket: "Ticket") -> str:
    """Write the runs of a ticket as text, its own result last."""
    table = ticket.table.to_string(index=False, float_format="{:.4g}".format)
    result = ticket.result
    return f"{table}\n\ntest accuracy {result.test_accuracy:.4f} (best epoch {result.best_epoch})"


def _given(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the options that the kind of training takes; others are an error where given."""
    kind = arguments.ticket or ("--dst" if arguments.dst else None)
    kind = kind or ("--monitor" if arguments.monitor else "one network")
    every = {name for names in TAKES.values() for name in names}
    given = {name: getattr(arguments, name) for name in sorted(every)}
    given = {name: value for name, value in given.items() if value is not None}
    others = [f"--{name.replace('_', '-')}" for name in given if name not in TAKES[kind]]
    if others:
        raise ArgumentError(f"training {kind} does not take {', '.join(others)}")
    if "monitor" in given and arguments.out is None:
        raise ArgumentError("--monitor needs a folder for what it measures: --out")
    if kind in ("after-training", "early-bird") and "density" not in given:
        raise ArgumentError(f"--ticket {kind} needs a --density")
    return given


def _changes(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the fields of the protocol that are given."""
    fields = {name: getattr(arguments, name) for name in ("batch_size", "learning_rate")}
    return {name: value for name, value in fields.items() if value is not None}


def _find(ticket: str) -> Any:
    """Return the function that finds a ticket."""
    from masktopo import training

    found: dict[str, Any] = {
        "imp": training.lottery_ticket,
        "after-training": training.prune_after_training,
        "early-bird": training.early_bird,
    }
    return found[ticket]


def _dynamic(method: str | None, every: int | None) -> Any:
    """Return the settings of a method of dynamic sparse training."""
    if method is None:
        return None
    from dataclasses import replace

    from masktopo.training.dynamic import read_dynamic

    dynamic = read_dynamic(method)
    return dynamic if every is None or dynamic is None else replace(dynamic, every=every)


def _monitor(metrics: str | None, every: int | None) -> Any:
    """Return the settings of a monitor of the metrics that are listed."""
    if metrics is None:
        return None
    from masktopo.monitor import MonitorSettings

    names = metrics.split(",")
    return MonitorSettings(names) if every is None else MonitorSettings(names, every)
