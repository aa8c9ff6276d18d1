"""A PAGS run from its ticket to its result (PAGS23, algorithm 1)."""

import numpy as np
import pandas as pd
import torch

from masktopo.masks.layer import BoolArray
from masktopo.masks.maskset import MaskSet
from masktopo.pruning.budget import kept_count
from masktopo.pruning.choose import choose
from masktopo.pruning.problem import Problem
from masktopo.sampling.candidate import Candidate, candidate_table
from masktopo.sampling.draws import Scorer, draw_candidates, redraw
from masktopo.sampling.journal import Journal
from masktopo.sampling.repair import repair
from masktopo.sampling.result import PagsResult
from masktopo.sampling.selection import Selection, fold_layers, select_network
from masktopo.sampling.settings import PagsSettings

__all__ = ["run"]


def run(
    problem: Problem,
    settings: PagsSettings,
    scorer: Scorer,
    journal: Journal,
    *,
    progress: bool = False,
) -> PagsResult:
    """Draw and score the candidates that `journal` lacks, select, and repair.

    Parameters
    ----------
    problem : Problem
        The network at which masks are drawn, and what draws see.
    settings : PagsSettings
        What decides the outcome.
    scorer : callable
        ``(index, masks) -> Candidate``.
    journal : Journal
        The candidates so far; ends with all of them.
    progress : bool
        Whether to show a bar.
    """
    ticket = choose(problem, settings.draw(0))
    draw_candidates(problem, settings, scorer, journal, ticket, progress=progress)
    selection = _select(settings, journal.candidates)
    mixed = _mix(problem, settings, journal.candidates, selection, ticket.kept)
    chosen = mixed
    if settings.exact_density:
        chosen = repair(mixed, ticket.standing, kept_count(settings.recipe.density, problem.size))
    masks = _with_origins(problem, settings, chosen, selection)
    final = scorer(-1, masks)
    return PagsResult(
        masks=masks,
        ticket=problem.masks(ticket.kept),
        unrepaired=_with_origins(problem, settings, mixed, selection),
        history=candidate_table(journal.candidates, selection.accepted, problem.dense),
        layers=_layer_table(problem.masks(mixed), final, journal.candidates, selection),
        initial=_state(problem),
        explored=float(journal.explored.mean()),
        settings=settings,
    )


def _select(settings: PagsSettings, candidates: list[Candidate]) -> Selection:
    score = np.stack([candidate.score for candidate in candidates])
    if settings.selection == "network":
        return select_network(score)
    valid = np.stack([candidate.valid for candidate in candidates])
    imdb = np.stack([candidate.imdb for candidate in candidates])
    return fold_layers(imdb, score, valid, ties=settings.ties)


def _mix(
    problem: Problem,
    settings: PagsSettings,
    candidates: list[Candidate],
    selection: Selection,
    ticket: BoolArray,
) -> BoolArray:
    """Take every layer from the candidate that won it, flat."""
    winners = _winner_by_layer(problem, selection)
    mixed = ticket.copy()
    for index in sorted(set(winners.values()) - {0}):
        kept = redraw(problem, settings, candidates[index])
        for layer in problem.layers:
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
    unrepaired: MaskSet, final: Candidate, candidates: list[Candidate], selection: Selection
) -> pd.DataFrame:
    """Return one row a layer of the final masks."""
    return pd.DataFrame(
        {
            "winner": selection.winners,
            "nnz_unrepaired": [layer.nnz for layer in unrepaired.values()],
            **final.columns,
            "fell": _fell(final, candidates, selection),
        },
        index=pd.Index(list(unrepaired), name="layer", dtype="str"),
    )


def _fell(
    final: Candidate, candidates: list[Candidate], selection: Selection
) -> "np.ndarray[tuple[int, ...], np.dtype[np.bool_]]":
    """Whether each layer is below what it was accepted for: less `imdb` or score, or invalid."""
    fell = np.zeros(selection.winners.size, dtype=bool)
    for place, winner in enumerate(selection.winners):
        accepted = candidates[winner]
        before = np.array([accepted.imdb[place], accepted.score[place]])
        after = np.array([final.imdb[place], final.score[place]])
        worse = np.nan_to_num(after, posinf=0, neginf=0) < np.nan_to_num(before, posinf=0, neginf=0)
        fell[place] = worse.any() or (accepted.valid[place] and not final.valid[place])
    return fell


def _state(problem: Problem) -> dict[str, torch.Tensor]:
    """Copy the network's state to the CPU."""
    state = problem.model.state_dict()
    return {name: value.detach().to("cpu", copy=True) for name, value in state.items()}
