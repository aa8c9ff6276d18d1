"""Files of arrays by name, read only as they were written: zip archives have checksums."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from masktopo.errors import RunError

__all__ = ["read_arrays"]


def read_arrays(path: Path, *names: str) -> dict[str, NDArray[Any]]:
    """Read some arrays of an ``.npz`` file.

    Raises
    ------
    RunError
        If the file is missing, or a byte that matters is another than was written.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            return {name: stored[name] for name in names}
    except MemoryError:
        raise
    # What a damaged archive makes zipfile and NumPy raise has no bounds, from KeyError to
    # NotImplementedError.
    except Exception as error:
        raise RunError(f"{path} is missing or damaged: {error}") from error
