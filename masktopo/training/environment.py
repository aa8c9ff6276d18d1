"""What a run's figures were made with: versions, device and threads."""

import platform
from pathlib import Path
from typing import Any

import numpy as np
import torch

from masktopo import __version__
from masktopo.training.folder import ENVIRONMENT_FILE, has_begun, read_json, write_json

__all__ = ["describe_environment", "record_start"]


def describe_environment(device: torch.device) -> dict[str, Any]:
    """Return versions, device and thread count, as JSON holds them.

    Equal runs give equal numbers where all of these are equal, from the first epoch to the last.

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


def record_start(folder: Path, device: torch.device) -> None:
    """Write what a run begins in, or add to it what it goes on in.

    ``environment.json`` has a list, ``starts``, of what `describe_environment` returned at every
    start. Only a run whose entries are all equal is a function of its seed.

    Raises
    ------
    RunError
        If the file is damaged.
    """
    path = folder / ENVIRONMENT_FILE
    before = read_json(path).get("starts", []) if has_begun(folder) and path.exists() else []
    write_json(path, {"starts": [*before, describe_environment(device)]})


def _device_name(device: torch.device) -> str | None:
    """Return the model name of a CUDA device, None for others."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else None
