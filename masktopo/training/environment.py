"""What a run's figures were made with: versions, device and threads."""

import platform
from typing import Any

import numpy as np
import torch

from masktopo import __version__

__all__ = ["describe_environment"]


def describe_environment(device: torch.device) -> dict[str, Any]:
    """Return versions, device and thread count, as JSON holds them.

    Equal runs give equal numbers where all of these are equal.

    Examples
    --------
    >>> describe_environment(torch.device("cpu"))["device"]
    'cpu'
    """
    return {
        "masktopo": __version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "system": platform.system(),
        "machine": platform.machine(),
        "cpu_instructions": torch.backends.cpu.get_cpu_capability(),
        "device": str(device),
        "device_name": _device_name(device),
        "threads": torch.get_num_threads(),
    }


def _device_name(device: torch.device) -> str | None:
    """Return the model name of a CUDA device, None for others."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else None
