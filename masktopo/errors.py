"""Everything that masktopo raises or warns with.

Errors are also ``ValueError`` or ``OSError`` where that is what they are, so that callers who
do not know masktopo can still catch them.
"""

__all__ = [
    "ArgumentError",
    "CheckpointError",
    "DataError",
    "MaskError",
    "MasktopoError",
    "MasktopoWarning",
    "NoMaskError",
    "PruningError",
    "RunError",
    "TrainingError",
    "UnsafeCheckpointError",
    "WiringError",
    "WiringFileError",
]


class MasktopoError(Exception):
    """Base of every error that masktopo raises on purpose."""


class MasktopoWarning(UserWarning):
    """Something that the user should know about and that is no error."""


class ArgumentError(MasktopoError, ValueError):
    """An argument is out of its range, or names something that does not exist."""


class CheckpointError(MasktopoError, OSError):
    """A checkpoint cannot be read: missing, truncated, damaged or of an unknown format."""


class UnsafeCheckpointError(CheckpointError):
    """A checkpoint could run code when opened, and was therefore refused."""


class NoMaskError(MasktopoError, ValueError):
    """A checkpoint has neither masks nor zeros, so nothing says that it was pruned."""


class MaskError(MasktopoError, ValueError):
    """A mask does not fit: another shape than its weight, NaN weights, an unknown layer."""


class WiringError(MasktopoError, ValueError):
    """The data flow of a network cannot be followed, or does not fit its masks."""


class WiringFileError(WiringError, OSError):
    """A wiring file cannot be read: missing, truncated, damaged or of an unknown version."""


class DataError(MasktopoError, ValueError):
    """A data set is missing, damaged, or of another form than was asked for."""


class PruningError(MasktopoError, ValueError):
    """A pruning method cannot give a mask: nothing prunable, or scores that are not finite."""


class TrainingError(MasktopoError, ValueError):
    """Training went wrong: the loss is not finite, or a pruned weight came back to life."""


class RunError(MasktopoError, ValueError):
    """A run's folder belongs to another configuration, or is damaged."""
