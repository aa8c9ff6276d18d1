"""The candidates scored so far, in memory and, where the run has a folder, on disk."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from masktopo._files import atomic_write
from masktopo._lines import append_line, read_lines
from masktopo._sealed import check_sealed, sealed_write
from masktopo.errors import RunError
from masktopo.masks.layer import BoolArray
from masktopo.sampling.arrays import read_arrays
from masktopo.sampling.candidate import Candidate, read_candidate, write_candidate
from masktopo.sampling.settings import PagsSettings
from masktopo.sampling.work import Sampled

__all__ = ["Journal"]

_CANDIDATES, _EXPLORED, _MASKS = "candidates", "explored", "masks"


class Journal:
    """Candidates by their index, and the union of their masks.

    Parameters
    ----------
    size : int
        Number of prunable weights.
    settings : PagsSettings
        Of the run, to which every line that is read must belong.
    folder : path or None
        Where candidates are appended as they come. What is there already is read, also what other
        shards wrote; a line that an interruption cut short is dropped.
    shard : str
        Part of the names of the files to write, so that shards can share a folder.

    Raises
    ------
    RunError
        If a file of the folder is damaged or of another run, or two disagree; file and line are
        named.
    """

    def __init__(
        self, size: int, settings: PagsSettings, folder: Path | None = None, *, shard: str = ""
    ) -> None:
        self.folder = folder
        self._samples, self._run = settings.samples, settings.digest
        self._shard = shard
        self._found: dict[int, Candidate] = {}
        self._masks: dict[int, NDArray[np.uint8]] = {}
        self._size = size
        self._explored = np.zeros((size + 7) // 8, np.uint8)
        self._others = self._explored
        if folder is not None and folder.exists():
            self._read(folder)

    def __contains__(self, index: int) -> bool:
        return index in self._found

    def __getitem__(self, index: int) -> Candidate:
        return self._found[index]

    @property
    def candidates(self) -> list[Candidate]:
        """All candidates in the order of their index."""
        return [self._found[index] for index in sorted(self._found)]

    @property
    def explored(self) -> float:
        """Part of the weights that at least one candidate kept."""
        union = np.unpackbits(self._explored | self._others, count=self._size)
        return float(union.mean())

    def check_complete(self) -> None:
        """Raise unless all samples of the run are there.

        Raises
        ------
        RunError
            Naming how many are missing, and the first.
        """
        wanted = range(self._samples + 1)
        missing = [index for index in wanted if index not in self]
        if missing:
            raise RunError(
                f"{self.folder} lacks {len(missing)} of {len(wanted)} candidates, the first of "
                f"them {missing[0]}; are all shards done?"
            )

    def add(self, sampled: Sampled) -> None:
        """Take up some candidates; they are on disk when this returns."""
        self._explored = self._explored | sampled.explored
        self._found.update((candidate.index, candidate) for candidate in sampled.candidates)
        if self.folder is None:
            self._masks |= sampled.masks
            return
        # The lines last: a candidate that is only in the rest is drawn again and adds nothing.
        for index, packed in sampled.masks.items():
            with atomic_write(self._mask_file(index)) as file:
                np.savez_compressed(file, packed=packed)
        with sealed_write(self._file(_EXPLORED, "npy")) as sealed:
            np.save(sealed, self._explored)
        for candidate in sampled.candidates:
            append_line(self._file(_CANDIDATES, "jsonl"), write_candidate(candidate, self._run))

    def mask(self, index: int) -> BoolArray | None:
        """Return the stored mask of a candidate, flat; None where masks can be drawn again."""
        packed = self._masks.get(index)
        if self.folder is not None and self._mask_file(index).exists():
            packed = read_arrays(self._mask_file(index), "packed")["packed"]
        return None if packed is None else np.unpackbits(packed, count=self._size).astype(bool)

    def _file(self, name: str, ending: str) -> Path:
        assert self.folder is not None
        return self.folder / f"{name}{self._shard}.{ending}"

    def _mask_file(self, index: int) -> Path:
        assert self.folder is not None
        return self.folder / _MASKS / f"{index:06d}.npz"

    def _read(self, folder: Path) -> None:
        own = self._file(_CANDIDATES, "jsonl")
        for path in sorted(folder.glob(f"{_CANDIDATES}*.jsonl")):
            lines = _lines_of(path, repair=path == own)
            for place, line in enumerate(lines):
                self._take(path, place, line)
            if not lines:
                continue
            packed = self._load(path.with_name(f"{_EXPLORED}{path.stem[len(_CANDIDATES) :]}.npy"))
            if path == own:
                self._explored = packed
            else:
                self._others = self._others | packed

    def _take(self, path: Path, place: int, line: str) -> None:
        """Take up a line; the same candidate may stand in several files."""
        try:
            candidate, run = read_candidate(line)
        except ValueError as error:
            raise RunError(f"{path}, line {place + 1} is damaged: {error}") from error
        if run != self._run or candidate.index > self._samples:
            raise RunError(
                f"{path}, line {place + 1} is candidate {candidate.index} of a run of other "
                f"settings (digest {run[:16]}); this run has {self._samples} samples (digest "
                f"{self._run[:16]})"
            )
        known = self._found.setdefault(candidate.index, candidate)
        if known.digest != candidate.digest:
            raise RunError(
                f"{path}, line {place + 1}: candidate {candidate.index} is mask "
                f"{candidate.digest[:16]}, but {known.digest[:16]} elsewhere in the folder; draws "
                "repeat on one device, CPU type and torch version"
            )

    def _load(self, path: Path) -> NDArray[np.uint8]:
        """Read what the candidates of one file explored."""
        check_sealed(path)
        packed = np.load(path, allow_pickle=False)
        if packed.shape != self._explored.shape or packed.dtype != np.uint8:
            raise RunError(
                f"{path} is of {packed.dtype} and shape {packed.shape}; expected uint8 and "
                f"{self._explored.shape} for a network of {self._size} weights"
            )
        return np.asarray(packed)


def _lines_of(path: Path, *, repair: bool) -> list[str]:
    try:
        return read_lines(path, repair=repair)
    except ValueError as error:
        raise RunError(f"{path} is damaged: {error}") from error
