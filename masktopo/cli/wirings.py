"""The wiring that a subcommand was given: by a model to trace, or by a file."""

import argparse
from typing import TYPE_CHECKING

from masktopo.cli.shared import find_users_modules
from masktopo.errors import ArgumentError

if TYPE_CHECKING:
    from masktopo.graphs.wiring import Wiring

__all__ = ["add_wiring_arguments", "given_wiring"]


def add_wiring_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the model or the file from which the wiring comes."""
    known = parser.add_mutually_exclusive_group()
    known.add_argument("--model", help="a network, or package.module:factory, to trace")
    known.add_argument("--wiring", help="wiring file, in place of a model")
    parser.add_argument("--input-shape", help="shape of one sample for --model, as 3x32x32")
    parser.add_argument("--classes", type=int, default=10, help="classes for --model (default 10)")


def given_wiring(arguments: argparse.Namespace) -> "Wiring | None":
    """Trace the model or read the file; None if neither was given."""
    if arguments.model is not None:
        return _traced(arguments)
    if arguments.wiring is None:
        return None
    from masktopo.graphs.wiring_file import load_wiring

    return load_wiring(arguments.wiring)


def _traced(arguments: argparse.Namespace) -> "Wiring":
    shape = _shape(arguments.input_shape)
    import torch

    from masktopo.graphs.tracing import trace
    from masktopo.networks import build_network

    find_users_modules(arguments.model)
    model = build_network(arguments.model, input_shape=shape, n_classes=arguments.classes)
    return trace(model, torch.zeros(1, *shape))


def _shape(text: str | None) -> tuple[int, ...]:
    """Read ``3x32x32``."""
    try:
        shape = tuple(map(int, (text or "").split("x")))
    except ValueError:
        shape = ()
    if not shape or min(shape) < 1:
        raise ArgumentError(f"--model needs --input-shape, as 3x32x32, not {text!r}")
    return shape
