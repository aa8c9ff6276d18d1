"""The candidates scored so far, in memory and, where the run has a folder, on disk."""

from pathlib import Path

import numpy as np

from masktopo._files import atomic_write
from masktopo._lines import append_line, read_lines
from masktopo.errors import RunError
from masktopo.masks.layer import BoolArray
from masktopo.sampling.candidate import Candidate, read_candidate, write_candidate
from masktopo.sampling.folder import CANDIDATES_FILE, EXPLORED_FILE

__all__ = ["Journal"]


class Journal:
    """Candidates in the order of their index, and the union of their masks.

    Parameters
    ----------
    size : int
        Number of prunable weights.
    folder : path or None
        Where candidates are appended as they come; what is there already is read. A line that
        an interruption cut short is dropped.

    Raises
    ------
    RunError
        If a file of the folder is damaged; file and line are named.
    """

    def __init__(self, size: int, folder: Path | None = None) -> None:
        self.candidates: list[Candidate] = []
        self.explored: BoolArray = np.zeros(size, dtype=bool)
        self._folder = folder
        if folder is not None and (folder / CANDIDATES_FILE).exists():
            path = folder / CANDIDATES_FILE
            self.candidates = [_parse(path, *found) for found in enumerate(read_lines(path))]
            if self.candidates:
                self.explored = _read_explored(folder / EXPLORED_FILE, size)

    def add(self, candidate: Candidate, kept: BoolArray) -> None:
        """Take up the next candidate; it is on disk when this returns."""
        self.candidates.append(candidate)
        self.explored |= kept
        if self._folder is None:
            return
        # The union first: a candidate that is only in it is drawn again and adds nothing.
        with atomic_write(self._folder / EXPLORED_FILE) as file:
            np.save(file, np.packbits(self.explored))
        append_line(self._folder / CANDIDATES_FILE, write_candidate(candidate))


def _parse(path: Path, place: int, line: str) -> Candidate:
    try:
        candidate = read_candidate(line)
    except ValueError as error:
        raise RunError(f"{path}, line {place + 1} is damaged: {error}") from error
    if candidate.index != place:
        raise RunError(
            f"{path}, line {place + 1} holds candidate {candidate.index}, expected {place}"
        )
    return candidate


def _read_explored(path: Path, size: int) -> BoolArray:
    try:
        packed = np.load(path, allow_pickle=False)
        return np.unpackbits(packed, count=size).astype(bool)
    except (OSError, ValueError, TypeError) as error:
        raise RunError(f"{path} is missing or damaged: {error}") from error
