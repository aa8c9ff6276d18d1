"""Pruning methods by name. Every score is ``(Scene) -> float64 array``, flat, high is kept.

A new method is one file with its score and one line in `METHODS`.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from masktopo.pruning.grasp import TEMPERATURE, grasp
from masktopo.pruning.magnitude import magnitude
from masktopo.pruning.npb import npb
from masktopo.pruning.phew import phew
from masktopo.pruning.random_order import random_order
from masktopo.pruning.scene import Scene
from masktopo.pruning.snip import snip
from masktopo.pruning.synflow import synflow

__all__ = ["METHODS", "ROUNDS", "Method", "Score", "method_key"]

ROUNDS = 100
"""Rounds of iterative methods, as SYN20 has it; a single round of SynFlow empties whole layers."""

Score = Callable[[Scene], NDArray[np.float64]]


@dataclass(frozen=True)
class Method:
    """How one pruning method scores, and what it needs.

    Parameters
    ----------
    score : callable
        ``(Scene) -> float64 array`` of all prunable weights, flat; the highest are kept.
    needs_data : bool
        Whether the score sees mini-batches, which are then what differs between draws.
    needs_shape : bool
        Whether the score runs the network without data, and so needs the shape of a sample.
    needs_wiring : bool
        Whether the score follows the network's data flow, which is traced from the shape of a
        sample.
    is_random : bool
        Whether the score is drawn at random, so that draws differ by themselves.
    rounds : int
        Rounds in which the masked network is scored anew; 1 scores the dense network once.
    densities : str or None
        The rule by which the method divides its budget among layers (a key of
        `masktopo.pruning.densities.DENSITIES`); None where the weights are ranked.
    temperature : float
        What logits are divided by, in methods that see data.
    """

    score: Score
    needs_data: bool = False
    needs_shape: bool = False
    needs_wiring: bool = False
    is_random: bool = False
    rounds: int = 1
    densities: str | None = None
    temperature: float = 1.0

    @property
    def is_iterative(self) -> bool:
        """Whether the network is scored more than once."""
        return self.rounds > 1

    @property
    def takes(self) -> str | None:
        """What the method takes from data, in words; None where it does without."""
        if self.needs_data:
            return "mini-batches"
        return "the shape of a sample" if self.needs_shape or self.needs_wiring else None


METHODS: dict[str, Method] = {
    "random-uniform": Method(random_order, is_random=True, densities="uniform"),
    "random-er": Method(random_order, is_random=True, densities="er"),
    "random-erk": Method(random_order, is_random=True, densities="erk"),
    "magnitude": Method(magnitude),
    "snip": Method(snip, needs_data=True),
    "snip-iterative": Method(snip, needs_data=True, rounds=ROUNDS),
    "grasp": Method(grasp, needs_data=True, temperature=TEMPERATURE),
    "phew": Method(phew, needs_wiring=True, is_random=True),
    "npb": Method(npb, needs_wiring=True, densities="erk"),
    "synflow": Method(synflow, needs_shape=True, rounds=ROUNDS),
}
"""Every pruning method that masktopo knows by name."""


def method_key(name: str) -> str:
    """Return the key of `METHODS` that `name` stands for: ``_`` may take the place of ``-``.

    Examples
    --------
    >>> method_key("random_erk")
    'random-erk'
    """
    is_other = isinstance(name, str) and name not in METHODS
    return name.replace("_", "-") if is_other else name
