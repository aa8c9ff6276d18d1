"""Ticket 0, kept in the run's folder: it takes all of the data to draw it again."""

from pathlib import Path

import numpy as np

from masktopo._files import atomic_write
from masktopo.errors import RunError
from masktopo.pruning.choose import Choice
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
    try:
        with np.load(path, allow_pickle=False) as stored:
            kept = np.unpackbits(stored["kept"], count=size).astype(bool)
            ticket = Choice(kept, stored["scores"], stored["rounds"])
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise RunError(f"{path} is damaged: {error}") from error
    if ticket.scores.shape != (size,):
        raise RunError(f"{path} is of a network of {ticket.scores.size} weights, not {size}")
    return ticket
