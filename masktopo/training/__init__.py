"""The training harness, which answers whether a mask trains."""

from masktopo.training.after_training import prune_after_training
from masktopo.training.config import TrainConfig
from masktopo.training.dynamic import DYNAMICS, DynamicSparsity
from masktopo.training.early_bird import early_bird
from masktopo.training.lottery import lottery_ticket
from masktopo.training.many import train_many
from masktopo.training.result import TrainingResult
from masktopo.training.table import results
from masktopo.training.ticket import Ticket
from masktopo.training.train import train

__all__ = [
    "DYNAMICS",
    "DynamicSparsity",
    "Ticket",
    "TrainConfig",
    "TrainingResult",
    "early_bird",
    "lottery_ticket",
    "prune_after_training",
    "results",
    "train",
    "train_many",
]
