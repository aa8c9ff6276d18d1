"""What a monitor measures, and how often."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from masktopo._check import check_choice, check_count
from masktopo.analysis import ENCODINGS
from masktopo.graphs.wiring import Wiring
from masktopo.metrics.conventions import CONVENTIONS
from masktopo.metrics.registry import requested

__all__ = ["MonitorSettings", "read_monitor"]


@dataclass(frozen=True)
class MonitorSettings:
    """What is measured of every snapshot, and how many steps lie between two of them.

    Parameters
    ----------
    metrics : str or iterable of str
        As `masktopo.analyze` takes them.
    every : int
        Steps between snapshots.
    encoding : {"rolled", "channel", "unrolled"}
        As in `masktopo.analyze`.
    convention : {"pags23", "rama23", "mge24"}
        As in `masktopo.analyze`.
    wiring : Wiring, optional
        The data flow, from `masktopo.trace`, for end-to-end metrics.

    Raises
    ------
    ArgumentError
        If a metric, encoding or convention is unknown, or `every` is no positive integer.

    Examples
    --------
    >>> MonitorSettings(["imdb", "imsg"], every=50).metrics
    ('imdb', 'imsg')
    """

    metrics: str | Iterable[str] = "spectral"
    every: int = 100
    encoding: str = "rolled"
    convention: str = "pags23"
    wiring: Wiring | None = None

    def __post_init__(self) -> None:
        names = (self.metrics,) if isinstance(self.metrics, str) else tuple(self.metrics)
        object.__setattr__(self, "metrics", names)
        requested(names)
        check_count("every", self.every)
        check_choice("encoding", self.encoding, ENCODINGS)
        check_choice("convention", self.convention, CONVENTIONS)

    def to_dict(self) -> dict[str, Any]:
        """Return the entries as JSON holds them, of a wiring its digest."""
        wiring = None if self.wiring is None else repr(self.wiring).encode()
        return {
            "metrics": list(self.metrics),
            "every": self.every,
            "encoding": self.encoding,
            "convention": self.convention,
            "wiring": None if wiring is None else hashlib.sha256(wiring).hexdigest(),
        }


def read_monitor(given: str | Iterable[str] | MonitorSettings | None) -> MonitorSettings | None:
    """Return the settings that are meant by names of metrics."""
    if given is None or isinstance(given, MonitorSettings):
        return given
    return MonitorSettings(given)
