"""What a timing must be read with: processor, threads, load, versions, memory bandwidth."""

import importlib.metadata
import os
import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from masktopo.bench.bandwidth import Bandwidth
from masktopo.bench.timing import load_average

__all__ = ["PACKAGES", "describe_machine", "processor_name"]

PACKAGES = ("masktopo", "numpy", "scipy", "numba", "igraph", "networkx")


def describe_machine(bandwidth: Bandwidth) -> dict[str, Any]:
    """Return what is known of this machine and its libraries, ready for JSON.

    Call it where the threads are pinned, since it records how many each library would use.
    """
    return {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "processor": processor_name(),
        "cores": _usable_cores(),
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in PACKAGES},
        "thread_pools": _thread_pools(),
        "load": load_average(),
        "bandwidth": {
            kind: {str(size): rate for size, rate in rates.items()}
            for kind, rates in bandwidth.items()
        },
    }


def processor_name() -> str:
    """Return the processor's model name, as the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _usable_cores() -> int:
    """Return the cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _thread_pools() -> dict[str, int]:
    """Return the threads of every loaded library that has a pool."""
    from threadpoolctl import threadpool_info

    pools = sorted((pool["internal_api"], pool["num_threads"]) for pool in threadpool_info())
    return {f"{name} {place}": threads for place, (name, threads) in enumerate(pools)}
