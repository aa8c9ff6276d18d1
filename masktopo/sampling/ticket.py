"""Ticket 0, kept in the run's folder: it takes all of the data to draw it again."""

from pathlib import Path

import numpy as np

from masktopo._files import atomic_write
from masktopo.errors import RunError
from masktopo.pruning.choose import Choice
from masktopo.sampling.arrays import read_arrays
from masktopo.sampling.folder import TICKET_FILE
from masktopo.sampling.work import Work

__all__ = ["find_ticket"]


def find_ticket(work: Work, folder: Path | None) -> Choice:
    """Return ticket 0 of a run, from its folder or drawn and put there.

    Raises
    ------
    RunError
        If its file is damaged, or of a network of another size.
    """
    if folder is None:
        return work.choose(0)
    path = folder / TICKET_FILE
    if path.exists():
        return _read(path, work.problem.size)
    ticket = work.choose(0)
    with atomic_write(path) as file:
        np.savez(file, kept=np.packbits(ticket.kept), scores=ticket.scores, rounds=ticket.rounds)
    return ticket


def _read(path: Path, size: int) -> Choice:
    stored = read_arrays(path, "kept", "scores", "rounds")
    ticket = Choice(
        np.unpackbits(stored["kept"].astype(np.uint8), count=size).astype(bool),
        stored["scores"].astype(np.float64),
        stored["rounds"].astype(np.int32),
    )
    if ticket.scores.shape != (size,):
        raise RunError(f"{path} is of a network of {ticket.scores.size} weights, not {size}")
    return ticket
