"""A PAGS run from its ticket to its result (PAGS23, algorithm 1)."""

from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from masktopo.masks.layer import BoolArray
from masktopo.masks.maskset import MaskSet
from masktopo.pruning.budget import kept_count
from masktopo.pruning.choose import Choice
from masktopo.pruning.problem import Problem
from masktopo.sampling.candidate import Candidate, candidate_table
from masktopo.sampling.draws import check_digest, draw_candidates, redraw
from masktopo.sampling.journal import Journal
from masktopo.sampling.repair import repair
from masktopo.sampling.result import PagsResult
from masktopo.sampling.selection import Selection, counted, fold_layers, select_network
from masktopo.sampling.settings import PagsSettings
from masktopo.sampling.ticket import find_ticket
from masktopo.sampling.work import Work, score

__all__ = ["run", "take_ticket"]


def run(work: Work, journal: Journal, *, n_jobs: int = 1, progress: bool = False) -> PagsResult:
    """Draw and score the candidates that `journal` lacks, select, and repair.

    Parameters
    ----------
    work : Work
    journal : Journal
        The candidates so far; ends with all of them.
    n_jobs : int
        Processes that draw and score.
    progress : bool
        Whether to show a bar.
    """
    problem, settings = work.problem, work.settings
    ticket = take_ticket(work, journal)
    draw_candidates(work, journal, range(settings.samples + 1), n_jobs=n_jobs, progress=progress)
    selection = _select(settings, journal.candidates)
    mixed = _mix(work, journal, selection, ticket.kept)
    chosen = mixed
    if settings.exact_density:
        chosen = repair(mixed, ticket.standing, kept_count(settings.recipe.density, problem.size))
    masks = _with_origins(problem, settings, chosen, selection)
    final = work.scorer(-1, masks)
    return PagsResult(
        masks=masks,
        ticket=problem.masks(ticket.kept),
        unrepaired=_with_origins(problem, settings, mixed, selection),
        history=candidate_table(journal.candidates, selection.accepted, problem.dense),
        layers=_layer_table(problem.masks(mixed), final, journal.candidates, selection, settings),
        initial=_state(problem),
        explored=journal.explored,
        settings=settings,
    )


def take_ticket(work: Work, journal: Journal) -> Choice:
    """Return ticket 0, after taking it up among the candidates.

    Raises
    ------
    RunError
        If it is another than the journal's.
    """
    ticket = find_ticket(work, journal.folder)
    if 0 in journal:
        check_digest(work.problem, journal[0], ticket.kept)
    else:
        journal.add(score(work, [0], [ticket.kept]))
    return ticket


def _select(settings: PagsSettings, candidates: list[Candidate]) -> Selection:
    score = np.stack([candidate.score for candidate in candidates])
    if settings.selection == "network":
        return select_network(score, of_coordinates=settings.scores_coordinates)
    valid = np.stack([candidate.valid for candidate in candidates])
    imdb = np.stack([candidate.imdb for candidate in candidates])
    return fold_layers(
        imdb, score, valid, ties=settings.ties, of_coordinates=settings.scores_coordinates
    )


def _mix(work: Work, journal: Journal, selection: Selection, ticket: BoolArray) -> BoolArray:
    """Take every layer from the candidate that won it, flat."""
    winners = _winner_by_layer(work.problem, selection)
    mixed = ticket.copy()
    for index in sorted(set(winners.values()) - {0}):
        kept = redraw(work, journal, journal[index])
        for layer in work.problem.layers:
            if winners[layer.name] == index:
                mixed[layer.span] = kept[layer.span]
    return mixed


def _winner_by_layer(problem: Problem, selection: Selection) -> dict[str, int]:
    """Return the winner of every prunable layer."""
    winners = dict(zip(problem.dense, selection.winners.tolist(), strict=True))
    return {layer.name: winners[layer.name] for layer in problem.layers}


def _with_origins(
    problem: Problem, settings: PagsSettings, kept: BoolArray, selection: Selection
) -> MaskSet:
    """Return a flat choice as masks whose origins name the candidate of each layer."""
    masks = problem.masks(kept)
    for name, winner in _winner_by_layer(problem, selection).items():
        origin = f"PAGS of {settings.recipe.origin}, candidate {winner}"
        masks = masks.with_masks({name: masks[name].mask}, origin=origin)
    return masks


def _layer_table(
    unrepaired: MaskSet,
    final: Candidate,
    candidates: list[Candidate],
    selection: Selection,
    settings: PagsSettings,
) -> pd.DataFrame:
    """Return one row a layer of the final masks."""
    return pd.DataFrame(
        {
            "winner": selection.winners,
            "nnz_unrepaired": [layer.nnz for layer in unrepaired.values()],
            **final.columns,
            "fell": _fell(final, candidates, selection, settings),
        },
        index=pd.Index(list(unrepaired), name="layer", dtype="str"),
    )


def _fell(
    final: Candidate, candidates: list[Candidate], selection: Selection, settings: PagsSettings
) -> NDArray[np.bool_]:
    """Whether each layer is below what it was accepted for: less `imdb` or score, or invalid."""

    def accepted(name: str) -> NDArray[Any]:
        winners = enumerate(selection.winners)
        return np.array([getattr(candidates[winner], name)[place] for place, winner in winners])

    def is_less(name: str, *, of_coordinates: bool) -> NDArray[np.bool_]:
        before = counted(accepted(name), of_coordinates=of_coordinates)
        return counted(getattr(final, name), of_coordinates=of_coordinates) < before

    fell = is_less("imdb", of_coordinates=True)
    fell |= is_less("score", of_coordinates=settings.scores_coordinates)
    return fell | (accepted("valid") & ~final.valid)


def _state(problem: Problem) -> dict[str, torch.Tensor]:
    """Copy the state of the network, without wrappers, to the CPU."""
    state = problem.network.state_dict()
    return {name: value.detach().to("cpu", copy=True) for name, value in state.items()}
