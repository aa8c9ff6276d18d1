"""The training harness, which answers whether a mask trains."""

from masktopo.training.config import TrainConfig
from masktopo.training.result import TrainingResult
from masktopo.training.train import train, train_many

__all__ = ["TrainConfig", "TrainingResult", "train", "train_many"]
