"""The training harness, which answers whether a mask trains."""

from masktopo.training.config import TrainConfig
from masktopo.training.dynamic import DYNAMICS, DynamicSparsity
from masktopo.training.result import TrainingResult
from masktopo.training.train import train, train_many

__all__ = ["DYNAMICS", "DynamicSparsity", "TrainConfig", "TrainingResult", "train", "train_many"]
