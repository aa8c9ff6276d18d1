"""Pruning at initialisation: one file per score, and masks from scores."""

from masktopo.pruning.method import METHODS
from masktopo.pruning.prune import prune

__all__ = ["METHODS", "prune"]
