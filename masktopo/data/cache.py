"""A folder where decoded data is kept, so that it is decoded once."""

import os
import sys
import warnings
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from masktopo._files import atomic_write
from masktopo.errors import MasktopoWarning

__all__ = ["cache_folder", "cached_arrays"]

Arrays = dict[str, NDArray[np.generic]]


def cache_folder() -> Path:
    """Return ``MASKTOPO_CACHE``, or where the platform keeps what can be made again."""
    chosen = os.environ.get("MASKTOPO_CACHE")
    if chosen:
        return Path(chosen)
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "masktopo"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home())) / "masktopo" / "Cache"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "masktopo"


def cached_arrays(name: str, make: Callable[[], Arrays]) -> Arrays:
    """Return the arrays that are kept under `name`, or make and keep them.

    Parameters
    ----------
    name : str
        Of the file; must change with everything that the arrays depend on.
    make : callable
        Gives the arrays by name.

    Returns
    -------
    dict of str to ndarray
        What was read has passed the checksums of its archive; a damaged file is made again.

    Warns
    -----
    MasktopoWarning
        If the arrays cannot be kept, as where the folder cannot be written to.
    """
    path = cache_folder() / f"{name}.npz"
    found = _read(path)
    if found is not None:
        return found
    arrays = make()
    try:
        with atomic_write(path) as file:
            np.savez(file, allow_pickle=False, **arrays)
    except OSError as error:
        warnings.warn(
            f"the decoded data cannot be kept in {path}, and is decoded again next time: {error}; "
            "the environment variable MASKTOPO_CACHE names another folder",
            MasktopoWarning,
            stacklevel=2,
        )
    return arrays


def _read(path: Path) -> Arrays | None:
    """Read a file of arrays; None where there is none, or it is damaged."""
    try:
        # np.load leaves files open that it opened itself and finds damaged.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error):
        return None
