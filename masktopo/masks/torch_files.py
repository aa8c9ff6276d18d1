"""Writing what ``torch.save`` writes, so that what stops the writing comes up as it is."""

import sys
from typing import IO, Any

__all__ = ["save_torch"]


def save_torch(value: Any, file: IO[bytes]) -> None:
    """Write `value` to a file object, as ``torch.save`` does.

    torch's writer of archives meets an exception of ``file.write`` with a RuntimeError about
    positions, which would hide an interruption or a full disk.

    Raises
    ------
    KeyboardInterrupt, OSError
        Those that came up in ``file.write``.

    Examples
    --------
    >>> import io
    >>> import torch
    >>> file = io.BytesIO()
    >>> save_torch({"weight": torch.ones(2)}, file)
    >>> torch.load(io.BytesIO(file.getvalue()), weights_only=True)
    {'weight': tensor([1., 1.])}
    """
    import torch

    handled = sys.exception()
    try:
        torch.save(value, file)
    except RuntimeError as error:
        stop = _stop(error, handled)
        if stop is None:
            raise
        raise stop from None


def _stop(
    error: BaseException, handled: BaseException | None
) -> KeyboardInterrupt | OSError | None:
    """Find what led to `error`; what was handled before the writing began did not."""
    found = error.__context__
    while found is not None and found is not handled:
        if isinstance(found, KeyboardInterrupt | OSError):
            return found
        found = found.__context__
    return None
