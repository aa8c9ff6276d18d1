"""What a sparse network's mask looks like as a graph, and whether it will train.

Every public name is loaded when it is first used, so that ``import masktopo`` stays light.
"""

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOMES = {
    "LayerMask": "masktopo.masks.layer",
    "MaskSet": "masktopo.masks.maskset",
    "load_masks": "masktopo.masks.load",
    "TopologyReport": "masktopo.report",
    "analyze": "masktopo.analysis",
    "analyze_many": "masktopo.analysis",
    "compare": "masktopo.comparison",
    "null_scores": "masktopo.metrics.nulls",
    "multipartite": "masktopo.graphs.build",
    "trace": "masktopo.graphs.tracing.follow",
    "load_wiring": "masktopo.graphs.wiring_file",
    "prune": "masktopo.pruning.prune",
    "pags": "masktopo.sampling.sampler",
    "pags_shard": "masktopo.sampling.sampler",
    "PagsResult": "masktopo.sampling.result",
    "train": "masktopo.training.train",
    "train_many": "masktopo.training.many",
    "early_bird": "masktopo.training.early_bird",
    "lottery_ticket": "masktopo.training.lottery",
    "prune_after_training": "masktopo.training.after_training",
    "DynamicSparsity": "masktopo.training.dynamic",
    "Ticket": "masktopo.training.ticket",
    "TrainingResult": "masktopo.training.result",
    "Monitor": "masktopo.monitor.monitor",
    "MonitorSettings": "masktopo.monitor.settings",
    "correlate": "masktopo.study.correlate",
    "warmup": "masktopo._warmup",
    "MasktopoError": "masktopo.errors",
    "MasktopoWarning": "masktopo.errors",
}

if TYPE_CHECKING:
    from masktopo._warmup import warmup as warmup
    from masktopo.analysis import analyze as analyze
    from masktopo.analysis import analyze_many as analyze_many
    from masktopo.comparison import compare as compare
    from masktopo.errors import MasktopoError as MasktopoError
    from masktopo.errors import MasktopoWarning as MasktopoWarning
    from masktopo.graphs.build import multipartite as multipartite
    from masktopo.graphs.tracing.follow import trace as trace
    from masktopo.graphs.wiring_file import load_wiring as load_wiring
    from masktopo.masks.layer import LayerMask as LayerMask
    from masktopo.masks.load import load_masks as load_masks
    from masktopo.masks.maskset import MaskSet as MaskSet
    from masktopo.metrics.nulls import null_scores as null_scores
    from masktopo.monitor.monitor import Monitor as Monitor
    from masktopo.monitor.settings import MonitorSettings as MonitorSettings
    from masktopo.pruning.prune import prune as prune
    from masktopo.report import TopologyReport as TopologyReport
    from masktopo.sampling.result import PagsResult as PagsResult
    from masktopo.sampling.sampler import pags as pags
    from masktopo.sampling.sampler import pags_shard as pags_shard
    from masktopo.study.correlate import correlate as correlate
    from masktopo.training.after_training import prune_after_training as prune_after_training
    from masktopo.training.dynamic import DynamicSparsity as DynamicSparsity
    from masktopo.training.early_bird import early_bird as early_bird
    from masktopo.training.lottery import lottery_ticket as lottery_ticket
    from masktopo.training.many import train_many as train_many
    from masktopo.training.result import TrainingResult as TrainingResult
    from masktopo.training.ticket import Ticket as Ticket
    from masktopo.training.train import train as train

__all__ = ["__version__", *_HOMES]


def __getattr__(name: str) -> Any:
    """Import the public name `name` from its home."""
    if name not in _HOMES:
        raise AttributeError(f"module 'masktopo' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    """List the public names."""
    return sorted(__all__)
