"""Data sets: decoded once, kept as tensors."""

from masktopo.data.resolve import resolve_data
from masktopo.data.splits import DataSplits, hold_out, validation_split
from masktopo.data.tensors import TensorData

__all__ = ["DataSplits", "TensorData", "hold_out", "resolve_data", "validation_split"]
