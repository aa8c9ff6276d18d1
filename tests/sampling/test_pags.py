import copy
import json
import threading

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

import masktopo
from masktopo.data import resolve_data
from masktopo.errors import (
    ArgumentError,
    DataError,
    MaskError,
    PruningError,
    RunError,
)
from masktopo.metrics.spectral import COORDINATES, coordinates
from masktopo.pruning import prune
from masktopo.pruning.choose import choose
from masktopo.pruning.problem import Problem
from masktopo.pruning.recipe import Draw, Recipe
from masktopo.sampling.result import PagsResult
from masktopo.sampling.sampler import pags
from masktopo.sampling.scoring import Scoring
from masktopo.training import TrainConfig
from masktopo.training.folder import with_checksum

SETTINGS = {"density": 0.3, "samples": 6, "batches": 3, "batch_size": 8}


def kept_by_draw(model, data, draw, method="snip", **options):
    recipe = Recipe(method, density=0.3, batch_size=8, **options)
    problem = Problem(model, recipe, resolve_data(data).training_part)
    return problem.masks(choose(problem, draw).kept)


def assert_same(result, other):
    assert result.masks == other.masks
    assert result.ticket == other.ticket
    assert result.unrepaired == other.unrepaired
    assert result.explored == other.explored
    assert result.settings == other.settings
    pd.testing.assert_frame_equal(result.history, other.history, check_exact=True)
    pd.testing.assert_frame_equal(result.layers, other.layers, check_exact=True)
    for name, layer in result.masks.items():
        assert layer.origin == other.masks[name].origin
        for masks in (other.masks, other.ticket, other.unrepaired):
            assert np.array_equal(layer.weight, masks[name].weight)
    assert result.initial.keys() == other.initial.keys()
    assert all(torch.equal(value, other.initial[name]) for name, value in result.initial.items())


def test_the_history_is_what_the_draws_give(model, data):
    result = pags(model, data, **SETTINGS, rng=7)
    draws = [Draw(7), *(Draw(7, index, batches=3) for index in range(1, 7))]
    union = np.zeros(0)
    for draw, rows in zip(draws, result.history.groupby("candidate"), strict=True):
        masks, table = kept_by_draw(model, data, draw), rows[1]
        found = coordinates(masks)
        assert set(table["digest"]) == {masks.digest}
        assert table["layer"].tolist() == list(masks)
        assert table["nnz"].tolist() == [layer.nnz for layer in masks.values()]
        np.testing.assert_array_equal(table[list(COORDINATES)], found.values)
        np.testing.assert_array_equal(table["full_spectrum"], found.full_spectrum())
        np.testing.assert_array_equal(table["score"], table["full_spectrum"])
        np.testing.assert_array_equal(table["valid"], found.valid)
        np.testing.assert_array_equal(table["subgraphs"], found.subgraphs)
        flat = np.concatenate([layer.mask.ravel() for layer in masks.values()])
        union = flat if draw.index == 0 else union | flat
    assert result.explored == union.mean()
    assert result.ticket == prune(model, data, density=0.3, batch_size=8)
    assert result.history["digest"].nunique() > 3


def test_layers_come_from_their_winners_and_are_repaired(model, data):
    result = pags(model, data, **SETTINGS, rng=7)
    assert len(set(result.winners)) > 1
    for name, winner in result.winners.items():
        draw = Draw(7) if winner == 0 else Draw(7, winner, batches=3)
        masks = kept_by_draw(model, data, draw)
        assert np.array_equal(result.unrepaired[name].mask, masks[name].mask)
        assert result.masks[name].origin == f"PAGS of snip at density 0.3, candidate {winner}"
    assert result.drift == result.unrepaired.nnz - result.ticket.nnz
    assert result.drift != 0
    assert result.masks.nnz == result.ticket.nnz == round(0.3 * result.masks.size)
    changed = (result.masks | result.unrepaired).nnz - (result.masks & result.unrepaired).nnz
    assert changed == abs(result.drift)


def test_layers_that_fell_are_listed(model, data):
    result = pags(model, data, **SETTINGS, rng=7)
    final = Scoring()(0, result.masks)
    accepted = result.history.set_index(["layer", "candidate"])
    fell = []
    for place, (name, winner) in enumerate(result.winners.items()):
        row = accepted.loc[(name, winner)]
        lower = final.imdb[place] < row["imdb"] or final.score[place] < row["score"]
        if lower or (row["valid"] and not final.valid[place]):
            fell.append(name)
    assert result.fell == fell
    assert fell
    untouched = pags(model, data, **SETTINGS, rng=7, exact_density=False)
    assert untouched.fell == []
    assert untouched.masks == untouched.unrepaired == result.unrepaired


def test_the_network_selection_takes_a_whole_mask(model, data):
    result = pags(model, data, **SETTINGS, rng=7, selection="network")
    means = result.history.groupby("candidate")["full_spectrum"].mean()
    best = means.idxmax()
    assert best > 0
    found = masktopo.analyze(result.masks, metrics="spectral").network["full_spectrum"]
    assert found == pytest.approx(means[best], rel=1e-10)
    assert set(result.winners) == {best}
    assert result.masks.digest == result.history.set_index("candidate")["digest"][best].iloc[0]
    assert result.fell == []


@pytest.mark.parametrize("method", ["magnitude", "synflow", "random-erk"])
def test_methods_without_data_vary_by_noise_or_seed(model, data, method):
    options = {"rounds": 5} if method == "synflow" else {}
    result = pags(model, data, **SETTINGS, method=method, noise=0.05, rng=7, **options)
    assert result.history["digest"].nunique() == 7
    assert result.masks.nnz == result.ticket.nnz
    assert result.ticket == prune(model, data, method=method, density=0.3, rng=7, **options)
    noise = None if method == "random-erk" else 0.05
    drawn = kept_by_draw(model, data, Draw(7, 4, noise=noise), method, **options)
    assert result.history.query("candidate == 4")["digest"].iloc[0] == drawn.digest


def test_noise_in_the_weights(model, data):
    result = pags(model, data, **SETTINGS, method="synflow", rounds=10, noise="weights")
    drawn = kept_by_draw(model, data, Draw(0, 2, noise="weights"), "synflow", rounds=10)
    assert result.history.query("candidate == 2")["digest"].iloc[0] == drawn.digest
    assert np.array_equal(result.masks["0"].weight, model[0].weight.detach().numpy())


def test_equal_seeds_give_equal_results(model, data):
    torch.manual_seed(1)
    first = pags(model, data, **SETTINGS, rng=3)
    torch.manual_seed(2)
    assert_same(pags(model, data, **SETTINGS, rng=3, n_jobs=2), first)
    assert pags(model, data, **SETTINGS, rng=4).history["digest"].tolist() != (
        first.history["digest"].tolist()
    )


@pytest.mark.parametrize("selection", ["layer", "network"])
def test_any_coordinate_or_callable_can_be_the_score(model, data, selection):
    options = {**SETTINGS, "selection": selection}
    named = pags(model, data, **options, score="imsg")
    np.testing.assert_array_equal(named.history["score"], named.history["imsg"])
    called = pags(model, data, **options, score=lambda found: found.values[:, 3])
    assert called.masks == named.masks
    with pytest.raises(ArgumentError, match=r"score .*lambda.* shape \(2,\), expected .* 3 layers"):
        pags(model, data, **options, score=lambda found: found.values[:2, 3])
    with pytest.raises(ArgumentError, match=r"score .*lambda.* gave no numbers: could not convert"):
        pags(model, data, **options, score=lambda found: ["good", "bad", "better"])


@pytest.mark.parametrize("name", ["narc", "nnz", "effective_density", "conductance_upper"])
def test_any_metric_of_layers_can_be_the_score(model, data, name):
    result = pags(model, data, **SETTINGS, rng=7, score=name)
    rows = result.history.query("candidate == 2").set_index("layer")
    masks = kept_by_draw(model, data, Draw(7, 2, batches=3))
    expected = masktopo.analyze(masks, metrics=name).layers[name]
    np.testing.assert_array_equal(rows["score"], expected)


def test_a_metric_of_the_network_can_choose_among_whole_masks(model, data):
    result = pags(model, data, **SETTINGS, rng=7, score="log10_paths", selection="network")
    scores = result.history.groupby("candidate")["score"].first()
    masks = kept_by_draw(model, data, Draw(7, 2, batches=3))
    assert scores[2] == masktopo.analyze(masks, metrics="log10_paths").network["log10_paths"]
    assert set(result.winners) == {scores.idxmax()}
    assert (result.masks.nnz, result.fell) == (result.ticket.nnz, [])


@pytest.mark.parametrize("lowest", [-np.inf, np.nan])
@pytest.mark.parametrize("selection", ["layer", "network"])
def test_what_is_lowest_or_has_no_score_does_not_win(model, data, selection, lowest):
    options = {**SETTINGS, "selection": selection, "rng": 7}
    gaps = pags(model, data, **options).history.groupby("layer")["weighted_spectral_gap"]

    def score(found):
        gap = found.values[:, 1]
        is_high = gap > gaps.median().to_numpy()
        return np.where(is_high if selection == "layer" else is_high[0], lowest, gap - 100)

    result = pags(model, data, **options, score=score)
    scores = result.history.pivot(index="layer", columns="candidate", values="score")
    lost = ~np.isfinite(scores)
    assert lost.any(axis=None)
    assert np.isfinite([scores.loc[name, winner] for name, winner in result.winners.items()]).all()


def test_a_mask_without_paths_does_not_win_by_a_logarithm(model, data):
    options = {"density": 0.02, "samples": 12, "batches": 1, "batch_size": 4}
    options |= {"score": "log10_path_norm_l2", "selection": "network"}
    result = pags(model, data, **options)
    scores = result.history.groupby("candidate")["score"].first()
    assert np.isneginf(scores).any()
    assert np.isfinite(scores.max())
    assert set(result.winners) == {scores.idxmax()}


def test_references(model, data):
    dense = pags(model, data, **SETTINGS, reference="dense")
    whole = coordinates(kept_by_draw(model, data, Draw(0)).with_masks(
        {name: np.ones_like(layer.mask) for name, layer in dense.masks.items()}, origin="dense"
    ))  # fmt: skip
    values = dense.history[list(COORDINATES)].to_numpy().reshape(7, 3, 4)
    expected = np.linalg.norm(np.nan_to_num(values) - np.nan_to_num(whole.values), axis=2)
    np.testing.assert_allclose(dense.history["full_spectrum"], expected.ravel(), rtol=1e-10)
    own = pags(model, data, **SETTINGS, reference=dense.ticket.with_weights(None))
    assert (own.history.query("candidate == 0")["full_spectrum"] == 0).all()
    other = prune(nn.Linear(12, 3), method="magnitude", density=0.5)
    with pytest.raises(MaskError, match="not of one network"):
        pags(model, data, **SETTINGS, reference=other)


def test_pretraining_moves_the_weights_that_all_starts_from(model, data):
    before = {name: value.clone() for name, value in model.state_dict().items()}
    result = pags(model, data, **SETTINGS, pretrain_steps=12)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert not torch.equal(result.initial["0.weight"], before["0.weight"])
    twin = nn.Sequential(nn.Linear(12, 24), nn.ReLU(), nn.Linear(24, 16), nn.Linear(16, 4))
    twin.load_state_dict(result.initial)
    assert result.ticket == prune(twin, data, density=0.3, batch_size=8)
    assert np.array_equal(result.masks["2"].weight, result.initial["2.weight"].numpy())
    again = pags(model, data, **SETTINGS, pretrain_steps=12, pretrain=TrainConfig(batch_size=8))
    assert_same(again, result)


def test_pretraining_takes_exactly_so_many_full_batches(model, data):
    sizes = []

    def count(module, inputs):
        sizes.append(len(inputs[0]))

    handle = model.register_forward_pre_hook(count)  # copies keep the hook
    try:
        pags(model, data, **{**SETTINGS, "samples": 1}, pretrain_steps=19)
    finally:
        handle.remove()
    ticket = [8] * 7 + [9]  # the training part has 65 samples
    assert sizes[:30] == [8] * 19 + ticket + [8] * 3


@pytest.mark.parametrize("pretrain_steps", [0, 5])
@pytest.mark.parametrize("stop", [0, 1, 4, 6])
def test_a_killed_run_goes_on_to_the_same_result(
    tmp_path, monkeypatch, model, data, stop, pretrain_steps
):
    options = {**SETTINGS, "rng": 7, "pretrain_steps": pretrain_steps}
    whole = pags(model, data, **options)
    scored = []
    score = Scoring.__call__

    def die(self, index, masks):
        if index == stop:
            raise KeyboardInterrupt
        return score(self, index, masks)

    def note(self, index, masks):
        scored.append(index)
        return score(self, index, masks)

    monkeypatch.setattr(Scoring, "__call__", die)
    with pytest.raises(KeyboardInterrupt):
        pags(model, data, **options, out=tmp_path / "run")
    lines = tmp_path / "run" / "candidates.jsonl"
    if lines.exists():
        with lines.open("a") as file:
            file.write('{"index": 3, "dig')  # cut short by the kill
    monkeypatch.setattr(Scoring, "__call__", note)
    monkeypatch.setattr("masktopo.sampling.opening.pretrained", None)  # its outcome was kept
    resumed = pags(model, data, **options, out=tmp_path / "run")
    assert_same(resumed, whole)
    assert scored == [*range(stop, 7), -1]
    assert [json.loads(line)["index"] for line in lines.read_text().splitlines()] == [*range(7)]
    assert_same(PagsResult.load(tmp_path / "run"), whole)


def test_a_folder_keeps_a_fresh_seed_and_its_torch_threads(tmp_path, model, data):
    first = pags(model, data, **SETTINGS, rng=None, torch_threads=2, out=tmp_path)
    assert first.settings.torch_threads == 2
    assert_same(pags(model, data, **SETTINGS, rng=None, out=tmp_path), first)
    assert pags(model, data, **SETTINGS, rng=None).seed != first.seed


def test_a_folder_of_another_run_is_refused(tmp_path, model, data):
    pags(model, data, **SETTINGS, out=tmp_path)
    message = r"holds a PAGS run with density=0\.3, seed=0, but this one has density=0\.2, seed=5"
    with pytest.raises(RunError, match=message):
        pags(model, data, **{**SETTINGS, "density": 0.2}, rng=5, out=tmp_path)
    other = nn.Sequential(nn.Linear(12, 24), nn.Linear(24, 4))
    with pytest.raises(RunError, match=r"with network=.*, model=.*, but this one has network="):
        pags(other, data, **SETTINGS, out=tmp_path)


def test_another_activation_is_another_run(tmp_path, model, data):
    pags(model, data, **SETTINGS, out=tmp_path)
    other = nn.Sequential(model[0], nn.Tanh(), *model[2:])
    with pytest.raises(RunError, match=r"with network=Sequential \w+, but this one has network="):
        pags(other, data, **SETTINGS, out=tmp_path)


def test_another_score_of_the_same_name_is_another_run(tmp_path, model, data):
    scores = [lambda found: found.values[:, 1], lambda found: found.values[:, 3]]
    pags(model, data, **SETTINGS, score=scores[0], out=tmp_path)
    with pytest.raises(RunError, match=r"with score_digest=\w{16}, but this one has score_digest="):
        pags(model, data, **SETTINGS, score=scores[1], out=tmp_path)


def test_wrappers_leave_no_trace(tmp_path, model, data):
    options = {**SETTINGS, "rng": 7, "pretrain_steps": 2}
    plain = pags(model, data, **options)
    wrapped = nn.DataParallel(model)
    assert_same(pags(wrapped, data, **options, out=tmp_path), plain)
    assert_same(pags(wrapped, data, **options, out=tmp_path), plain)  # goes on
    masktopo.train(wrapped, plain.masks, data, epochs=1, initial=plain.initial)


def test_layers_to_keep_dense_in_any_order_are_one_run(tmp_path, model, data):
    first = pags(model, data, **SETTINGS, keep_dense=["last", "first"], out=tmp_path)
    assert_same(pags(model, data, **SETTINGS, keep_dense={"first", "last"}, out=tmp_path), first)


def test_numbers_of_numpy_and_torch_are_pythons(tmp_path, model, data):
    given = {
        "density": np.float32(0.25),
        "samples": np.int64(3),
        "batches": torch.tensor(2),
        "batch_size": np.int32(8),
        "noise": np.float32(0.5),
        "train_mode": np.bool_(0),
        "exact_density": np.bool_(1),
        "torch_threads": np.int64(1),
    }
    first = pags(model, data, **given, out=tmp_path)
    plain = {name: value.item() for name, value in given.items()}
    assert_same(pags(model, data, **plain, out=tmp_path), first)


def test_a_pool_for_bfloat16(model, data):
    narrow = copy.deepcopy(model).bfloat16()
    afresh = kept_by_draw(narrow, data, Draw(7, 2, batches=3, pool=5))
    result = pags(narrow, data, **SETTINGS, rng=7, pool=5)
    assert result.history.query("candidate == 2")["digest"].iloc[0] == afresh.digest


def test_a_folder_of_a_training_run_is_refused(tmp_path, model, data):
    masktopo.train(model, None, data, epochs=1, out=tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(RunError, match=r"holds a training run \(config\.json\); choose another"):
        pags(model, data, **SETTINGS, out=tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_training_into_the_folder_of_another_kind_is_refused(tmp_path, model, data):
    pags(model, data, **SETTINGS, out=tmp_path / "pags")
    masktopo.train(model, None, data, epochs=1, out=tmp_path / "run")
    ticket = {"density": 0.5, "rounds": 1, "epochs": 1}
    masktopo.lottery_ticket(model, data, **ticket, out=tmp_path / "ticket")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    for name, kind in (("pags", "a PAGS run"), ("ticket", "a ticket found by training")):
        with pytest.raises(RunError, match=f"holds {kind} .*; choose another folder"):
            masktopo.train(model, None, data, epochs=1, out=tmp_path / name)
    for name, kind in (("pags", "a PAGS run"), ("run", "a training run")):
        with pytest.raises(RunError, match=f"holds {kind} .*; choose another folder"):
            masktopo.lottery_ticket(model, data, **ticket, out=tmp_path / name)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("ticket.masks", "a ticket found by training"),
        ("rounds.csv", "a ticket found by training"),
        ("search.json", "the search for an early-bird ticket"),
    ],
)
def test_a_folder_of_a_ticket_is_refused(tmp_path, model, data, name, kind):
    (tmp_path / name).touch()
    with pytest.raises(RunError, match=f"holds {kind} \\({name}\\); choose another folder"):
        pags(model, data, **SETTINGS, out=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_damaged_folders_are_named(tmp_path, model, data):
    pags(model, data, **SETTINGS, out=tmp_path)
    lines = tmp_path / "candidates.jsonl"
    whole = lines.read_text().splitlines()
    lines.write_text("\n".join([whole[0], "{}", *whole[2:]]) + "\n")
    with pytest.raises(RunError, match=r"candidates\.jsonl, line 2 is damaged"):
        pags(model, data, **SETTINGS, out=tmp_path)
    lines.write_text("\n".join([whole[0], *whole[2:]]) + "\n")
    again = pags(model, data, **SETTINGS, out=tmp_path)  # what is missing is drawn
    assert [json.loads(line)["index"] for line in lines.read_text().split("\n")[:-1]] == (
        [0, 2, 3, 4, 5, 6, 1]
    )
    assert_same(again, pags(model, data, **SETTINGS))
    (tmp_path / "result.json").unlink()
    with pytest.raises(RunError, match=r"result\.json is missing"):
        PagsResult.load(tmp_path)
    (tmp_path / "settings.json").write_text("{}")
    with pytest.raises(RunError, match=r"settings\.json: these are no settings"):
        pags(model, data, **SETTINGS, out=tmp_path)


def test_a_winner_that_is_drawn_otherwise_is_an_error(tmp_path, model, data):
    result = pags(model, data, **SETTINGS, rng=7, out=tmp_path)
    winner = max(result.winners)
    lines = tmp_path / "candidates.jsonl"
    records = [json.loads(line) for line in lines.read_text().splitlines()]
    del records[winner]["checksum"]
    records[winner] = with_checksum({**records[winner], "digest": "0" * 64})
    lines.write_text("".join(json.dumps(record) + "\n" for record in records))
    with pytest.raises(RunError, match=f"candidate {winner} was scored as mask 0000"):
        pags(model, data, **SETTINGS, rng=7, out=tmp_path)


def test_ties_as_published_take_the_later_layer(model, data):
    options = {**SETTINGS, "method": "magnitude", "noise": 0}
    assert set(pags(model, data, **options).winners) == {0}
    assert set(pags(model, data, **options, ties="published").winners) == {6}


class Locked:
    """A score that cannot be sent to another process."""

    def __init__(self):
        self.lock = threading.Lock()

    def __call__(self, found):
        return found.full_spectrum()


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"batches": 9}, PruningError, "9 batches of 8 .* need 72 samples, but .* has 65"),
        ({"samples": 0}, ArgumentError, "samples must be at least 1"),
        ({"selection": "best"}, ArgumentError, "selection='best' is not one of 'layer', 'network'"),
        ({"ties": "last"}, ArgumentError, "ties='last' is not one of 'first', 'published'"),
        ({"score": "narcs"}, ArgumentError, "score='narcs' is not one of .*'narc'"),
        ({"score": "shape"}, ArgumentError, "score='shape' is not one of"),
        ({"score": "log10_paths"}, ArgumentError, "of the whole network: take selection="),
        ({"pool": 2}, ArgumentError, "pool must be at least 3"),
        ({"pool": 9}, PruningError, "9 batches of 8 .* need 72 samples, but .* has 65"),
        ({"pool": 4, "method": "synflow"}, ArgumentError, "pool=4: synflow sees no mini-batches"),
        ({"reference": "mean"}, ArgumentError, "reference='mean' is not one of"),
        ({"noise": -1}, ArgumentError, "noise must be at least 0"),
        ({"noise": None}, ArgumentError, "noise must be a number"),
        ({"n_jobs": 0}, ArgumentError, "n_jobs must be at least 1"),
        ({"torch_threads": 0}, ArgumentError, "torch_threads must be at least 1"),
        ({"pretrain_steps": -1}, ArgumentError, "pretrain_steps must be at least 0"),
        ({"noise": [1]}, ArgumentError, "noise must be at least 0"),
        ({"keep_dense": None}, ArgumentError, "keep_dense must be names of layers, not None"),
        ({"score": Locked(), "n_jobs": 2}, ArgumentError, "score Locked cannot be sent to other"),
        ({"merge": True}, RunError, "lacks 7 of 7 candidates, the first of them 0"),
        ({"merge": True, "pretrain_steps": 2, "pool": 4, "n_jobs": 2}, RunError, "lacks 7 of 7"),
    ],
)
def test_arguments_are_checked_before_anything_is_written(
    tmp_path, model, data, options, error, message
):
    with pytest.raises(error, match=message):
        pags(model, data, **{**SETTINGS, **options}, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_model_that_cannot_be_sent_is_named(model, data):
    locked = copy.deepcopy(model)
    locked.lock = threading.Lock()
    with pytest.raises(ArgumentError, match="the model cannot be sent to other processes"):
        pags(locked, data, **SETTINGS, n_jobs=2)


def test_without_data(model):
    result = pags(model, **{**SETTINGS, "method": "magnitude"})
    assert result.settings.data == "none"
    with pytest.raises(ArgumentError, match="pretrain_steps=5 needs data"):
        pags(model, **{**SETTINGS, "method": "magnitude"}, pretrain_steps=5)
    with pytest.raises(ArgumentError, match="method 'snip' needs data"):
        pags(model, **SETTINGS)


def test_data_of_the_wrong_shape_is_an_error(model):
    wrong = (torch.randn(90, 11), torch.arange(90) % 4)
    with pytest.raises((PruningError, DataError), match="the model fails on batch 0"):
        pags(model, wrong, **SETTINGS)


def test_the_package_and_the_function_share_their_name(model, data):
    assert masktopo.pags(model, data, **SETTINGS).masks == pags(model, data, **SETTINGS).masks


def test_the_model_is_left_as_it_was_found(data):
    torch.manual_seed(5)
    model = nn.Sequential(nn.Linear(12, 24), nn.BatchNorm1d(24), nn.Dropout(), nn.Linear(24, 4))
    state = {name: value.clone() for name, value in model.state_dict().items()}
    random_state, threads = torch.get_rng_state(), torch.get_num_threads()
    pags(model, data, **SETTINGS, pretrain_steps=3, train_mode=True, torch_threads=threads + 1)
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())
    assert model.training
    assert all(parameter.grad is None for parameter in model.parameters())
    assert torch.equal(torch.get_rng_state(), random_state)
    assert torch.get_num_threads() == threads


def test_the_bar_counts_masks(model, data, capsys):
    pags(model, data, **SETTINGS, progress=True)
    assert "7/7" in capsys.readouterr().err
    pags(model, data, **SETTINGS)
    assert capsys.readouterr().err == ""
