"""What kernels call their arrays."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["Columns", "Floats", "Ints", "Values"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Columns = NDArray[np.unsignedinteger]
Values = NDArray[np.floating]
