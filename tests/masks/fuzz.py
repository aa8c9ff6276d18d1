"""Mutated files of every format: each ends in an error of masktopo or in masks.

``python -m tests.masks.fuzz --seconds 300`` prints how many files were tried, how they ended,
and the worst peak memory. Each file is read in a child process, which is replaced when it dies or
takes too long. Its memory is the peak of its resident set while it reads, beyond what it was
before; Linux resets that peak when 5 is written to ``/proc/self/clear_refs``. What is allowed is
64 MB and 16 times the file.
"""

import argparse
import multiprocessing
import shutil
import tempfile
import time
import warnings
from collections import Counter
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np

from tests.masks.mutations import MUTATIONS
from tests.masks.producers import PRODUCERS

__all__ = ["Summary", "fuzz"]

SLOWEST_SECONDS = 20.0


def allowed_bytes(size: int) -> int:
    """Memory that reading a file of this size may take."""
    return 64 * 10**6 + 16 * size


@dataclass
class Summary:
    """What came of the files."""

    files: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    worst_peak: int = 0
    worst_share: float = 0.0
    worst_seconds: float = 0.0
    faults: list[str] = field(default_factory=list)

    def add(self, name: str, size: int, outcome: str, peak: int, seconds: float) -> None:
        """Count one file; what must not happen is kept in words."""
        self.files += 1
        self.outcomes[outcome] += 1
        self.worst_peak = max(self.worst_peak, peak)
        self.worst_share = max(self.worst_share, peak / allowed_bytes(size))
        self.worst_seconds = max(self.worst_seconds, seconds)
        if outcome.startswith("FAULT"):
            self.faults.append(f"{name}: {outcome}")
        elif peak > allowed_bytes(size):
            self.faults.append(f"{name}: {peak} bytes for a file of {size}")

    def __str__(self) -> str:
        lines = [f"{self.files} files"]
        lines += [f"{count:8}  {outcome}" for outcome, count in self.outcomes.most_common()]
        lines.append(
            f"worst peak {self.worst_peak / 1e6:.1f} MB, at most {self.worst_share:.0%} of what is "
            f"allowed; slowest {self.worst_seconds:.1f} s; {len(self.faults)} faults"
        )
        return "\n".join(lines + self.faults)


class Reader:
    """A child process that reads files, and is replaced when it dies."""

    def __init__(self) -> None:
        self._start()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs,), daemon=True)
        self.process.start()
        theirs.close()
        self.connection.recv()

    def read(self, path: Path) -> tuple[str, int]:
        """Return how reading a file ended, and its peak memory."""
        self.connection.send(str(path))
        try:
            if self.connection.poll(SLOWEST_SECONDS):
                outcome: tuple[str, int] = self.connection.recv()
                return outcome
            fault = "FAULT: hang"
        except (EOFError, ConnectionResetError):
            fault = "FAULT: crash"
        self.close()
        self._start()
        return fault, 0

    def close(self) -> None:
        self.process.kill()
        self.process.join()
        self.connection.close()


def _serve(connection: Connection) -> None:
    from masktopo import load_masks
    from masktopo.errors import MasktopoError, MasktopoWarning

    def outcome_of(path: str) -> str:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                warnings.simplefilter("ignore", MasktopoWarning)
                masks = load_masks(path, allow_dense=True)
                for layer in masks.values():
                    assert layer.mask.shape == layer.shape
                    assert layer.mask.dtype == bool
                    assert layer.weight is None or np.isfinite(layer.weight[layer.mask]).all()
            return "masks"
        except MasktopoError as error:
            return type(error).__name__
        except BaseException as error:
            return f"FAULT: {type(error).__name__}: {str(error)[:200]}"

    for write in (PRODUCERS["torch prune"].write, PRODUCERS["npz"].write):
        with tempfile.TemporaryDirectory() as folder:
            outcome_of(str(write(Path(folder))))
    connection.send("ready")
    while path := _next(connection):
        before = _reset_peak()
        outcome = outcome_of(path)
        connection.send((outcome, _status("VmHWM") - before))


def _next(connection: Connection) -> str | None:
    try:
        path: str = connection.recv()
    except EOFError:
        return None
    return path


def _reset_peak() -> int:
    """Forget the peak of the resident set, and return its present size."""
    Path("/proc/self/clear_refs").write_text("5")
    return _status("VmRSS")


def _status(name: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name):
            return 1024 * int(line.split()[1])
    raise RuntimeError(f"no {name} in /proc/self/status")


def fuzz(seconds: float, seed: int, *, most: int | None = None) -> Summary:
    """Mutate files of every format for so long, or so many of them."""
    rng = np.random.default_rng(seed)
    summary, reader = Summary(), Reader()
    end = time.monotonic() + seconds
    with tempfile.TemporaryDirectory() as folder:
        sources = {name: _written(name, Path(folder)) for name in PRODUCERS}
        while time.monotonic() < end and (most is None or summary.files < most):
            name = list(sources)[summary.files % len(sources)]
            _try_one(name, sources[name], Path(folder) / "mutated", rng, reader, summary)
    reader.close()
    return summary


def _written(name: str, folder: Path) -> Path:
    home = folder / name.replace("/", "-")
    home.mkdir()
    return PRODUCERS[name].write(home)


def _try_one(
    name: str, source: Path, home: Path, rng: np.random.Generator, reader: Reader, summary: Summary
) -> None:
    """Copy a source, mutate one of its files, and read it."""
    shutil.rmtree(home, ignore_errors=True)
    root = source if source.is_dir() else source.parent
    shutil.copytree(root, home)
    target = home if source.is_dir() else home / source.name
    files = sorted(home.iterdir()) if source.is_dir() else [target]
    file = files[int(rng.integers(len(files)))]
    kind, changed = _mutated(file.read_bytes(), rng)
    file.write_bytes(changed)
    size = sum(each.stat().st_size for each in home.iterdir())
    started = time.monotonic()
    outcome, peak = reader.read(target)
    label = f"file {summary.files} ({name}, {kind})"
    summary.add(label, size, outcome, peak, time.monotonic() - started)


def _mutated(data: bytes, rng: np.random.Generator) -> tuple[str, bytes]:
    names = list(MUTATIONS)
    while True:
        name = names[int(rng.integers(len(names)))]
        changed = MUTATIONS[name](data, rng) if data else data
        if changed is not None:
            return name, changed


def main() -> None:
    parser = argparse.ArgumentParser(description="Read mutated files of every format.")
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    summary = fuzz(arguments.seconds, arguments.seed)
    print(summary)
    raise SystemExit(1 if summary.faults else 0)


if __name__ == "__main__":
    main()
