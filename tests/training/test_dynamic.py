"""Dynamic sparse training: against explicit NumPy, and as whole runs with their folders."""

import dataclasses
import itertools

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

import masktopo
from masktopo.data import TensorData
from masktopo.errors import ArgumentError, RunError, TrainingError
from masktopo.masks.layer import LayerMask
from masktopo.masks.maskset import MaskSet
from masktopo.metrics.similarity import explored_ratio
from masktopo.training import DynamicSparsity, TrainConfig, TrainingResult, train
from masktopo.training import epochs as epochs_module
from masktopo.training.evolution import Evolution
from masktopo.training.identity import state_digest
from masktopo.training.loop import _batches, steps_per_epoch, train_epoch
from masktopo.training.masked import HeldWeights, pruned_places
from masktopo.training.optimizer import make_optimizer
from tests.naive.dynamic import train_evolving

EVERY_TWO = DynamicSparsity(every=2)
"""With 270 samples in batches of 128 an epoch has three steps."""

OPTIONS = {"epochs": 3, "learning_rate": 0.05, "dynamic": EVERY_TWO, "density": 0.2}


class TwoLayers(nn.Module):
    """``second @ tanh(first @ x)`` in double precision."""

    def __init__(self, first, second):
        super().__init__()
        self.first = nn.Parameter(torch.from_numpy(first.copy()))
        self.second = nn.Parameter(torch.from_numpy(second.copy()))

    def forward(self, inputs):
        return torch.tanh(inputs.double() @ self.first.T) @ self.second.T


@pytest.mark.parametrize("growth", ["random", "gradient"])
def test_steps_and_updates_equal_the_naive_reference(growth, tmp_path):
    rng = np.random.default_rng(1)
    weights = [rng.normal(size=(5, 4)), rng.normal(size=(3, 5))]
    masks = [rng.random(weight.shape) < 0.5 for weight in weights]
    inputs, labels = rng.normal(size=(6, 4)).astype(np.float32), np.array([0, 1, 2, 2, 1, 0])
    expected = train_evolving(
        weights,
        masks,
        inputs.astype(np.float64),
        labels,
        steps=9,
        every=2,
        growth=growth,
        seed=7,
        rate=0.3,
        decay=0.05,
    )

    model = TwoLayers(*weights)
    config = TrainConfig(epochs=9, learning_rate=0.3, weight_decay=0.05, milestones=())
    parameters = dict(model.named_parameters())
    start = MaskSet(map(LayerMask, ("first", "second"), masks))
    held = HeldWeights(make_optimizer(model, config), parameters, pruned_places(start, parameters))
    dynamic = DynamicSparsity(growth, every=2)
    evolution = Evolution(start, dynamic, held, seed=7, steps=9, folder=tmp_path)
    held.hold()
    evolution.begin({}, {})
    data = TensorData(torch.from_numpy(inputs), torch.from_numpy(labels), 3, "six samples")
    for epoch, (next_weights, next_masks) in enumerate(expected, start=1):
        train_epoch(
            model, held.optimizer, data, config, seed=0, epoch=epoch, after_step=[evolution]
        )
        for name, weight, mask in zip(parameters, next_weights, next_masks, strict=True):
            np.testing.assert_array_equal(~held.pruned[name].numpy(), mask)
            np.testing.assert_allclose(parameters[name].detach().numpy(), weight, rtol=1e-10)
            momentum = held.optimizer.state[parameters[name]]["momentum_buffer"]
            assert not momentum[held.pruned[name]].any()
    changed = [not np.array_equal(mask, last) for mask, last in zip(masks, next_masks, strict=True)]
    assert all(changed)
    assert len(list(tmp_path.iterdir())) == 5


@pytest.fixture
def evolved(model, data, tmp_path):
    """The result of a finished dynamic run, and its folder."""
    return train(model, None, data, out=tmp_path / "run", **OPTIONS), tmp_path / "run"


def snapshots(folder):
    return [masktopo.load_masks(path) for path in sorted((folder / "updates").iterdir())]


def test_every_update_leaves_masks_and_weights(evolved, model):
    _, folder = evolved
    names = [path.name for path in sorted((folder / "updates").iterdir())]
    assert names == [f"{step:08d}.masks" for step in (0, 2, 4, 6, 8)]
    found = snapshots(folder)
    assert found[0] == masktopo.prune(model, method="random-erk", density=0.2, rng=0)
    assert found[0].nnz == round(0.2 * found[0].size)
    for before, after in itertools.pairwise(found):
        for name, layer in after.items():
            assert layer.nnz == before[name].nnz
            assert (layer.weight[~layer.mask] == 0).all()
            assert (layer.weight[layer.mask & ~before[name].mask] == 0).all()
            assert layer.is_dense or not np.array_equal(layer.mask, before[name].mask)


def test_the_explored_part_is_the_union_of_all_masks(evolved):
    result, folder = evolved
    ratios = explored_ratio(snapshots(folder))
    # Epochs end after steps 3, 6 and 9; the updates before were after 2, 6 and 8.
    assert result.history["explored"].tolist() == [ratios[1], ratios[3], ratios[4]]
    assert result.explored == ratios[4] > 0.2


@pytest.mark.parametrize(("best", "update"), [(1, 1), (2, 3), (3, 4)])
def test_masks_are_those_of_the_best_weights(model, data, tmp_path, monkeypatch, best, update):
    scripted = iter([0.9 if epoch == best else 0.1 for epoch in (1, 2, 3)])
    monkeypatch.setattr(epochs_module, "accuracies", lambda *_: [next(scripted)])
    result = train(model, None, data, out=tmp_path, **OPTIONS)
    assert result.best_epoch == best
    assert result.masks == snapshots(tmp_path)[update]
    for name, layer in result.masks.items():
        weight = result.state_dict[f"{name}.weight"].numpy()
        assert not weight[~layer.mask].any()


def test_results_are_read_back_without_loss(evolved, model, data):
    result, folder = evolved
    for loaded in (TrainingResult.load(folder), train(model, None, data, out=folder, **OPTIONS)):
        pd.testing.assert_frame_equal(loaded.history, result.history, check_exact=True)
        assert (loaded.masks, loaded.run) == (result.masks, result.run)
        assert loaded.masks.digest != loaded.run.masks
        assert loaded.explored == result.explored
    (folder / "updates" / "00000000.masks").rename(folder / "net.masks")
    with pytest.raises(RunError, match=r"net.masks holds the masks [0-9a-f]{16}, but the run had"):
        TrainingResult.load(folder)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dynamic": DynamicSparsity(every=3)}, "dynamic_every=2, but this one has dynamic_eve"),
        ({"dynamic": None, "density": None}, "dynamic_growth=random.* has masks=dense.*=None"),
        ({"density": 0.3}, "masks=[0-9a-f]{24}"),
    ],
)
def test_other_settings_are_another_run(evolved, model, data, changes, message):
    _, folder = evolved
    with pytest.raises(RunError, match=message):
        train(model, None, data, out=folder, **{**OPTIONS, **changes})


def test_static_runs_say_nothing_of_it(model, masks, data):
    run = train(model, masks, data, epochs=1)
    assert "dynamic" not in run.run.to_dict()
    assert "explored" not in run.history
    assert run.explored == run.masks.density
    assert train(model, None, data, epochs=1).explored == 1.0


def test_runs_are_repeatable_and_growth_depends_on_the_seed(model, masks, data):
    options = {**OPTIONS, "density": None, "epochs": 2}
    first, again, other = (train(model, masks, data, rng=seed, **options) for seed in (1, 1, 2))
    assert first.masks == again.masks != other.masks
    assert state_digest(first.state_dict) == state_digest(again.state_dict)


def test_layers_without_a_mask_and_given_masks_keep_their_counts(model, masks, data):
    gradient = dataclasses.replace(EVERY_TWO, growth="gradient")
    result = train(model, masks, data, epochs=2, dynamic=gradient)
    assert {n: m.nnz for n, m in result.masks.items()} == {n: m.nnz for n, m in masks.items()}
    assert result.masks != masks
    assert (result.state_dict["conv1.weight"] != 0).all()


def test_aliases_share_one_mask():
    model = nn.Sequential(nn.Linear(8, 8, bias=False), nn.Linear(8, 8, bias=False))
    parameters = dict(model.named_parameters())
    start = MaskSet([LayerMask("0", np.eye(8, dtype=bool), aliases=("1",))])
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    held = HeldWeights(optimizer, parameters, pruned_places(start, parameters))
    held.hold()
    evolution = Evolution(start, DynamicSparsity(every=1), held, seed=0, steps=9, folder=None)
    evolution.begin({}, {})
    evolution(model, 1)
    assert torch.equal(held.pruned["0.weight"], held.pruned["1.weight"])
    assert not torch.equal(held.pruned["0.weight"], ~torch.eye(8, dtype=torch.bool))


def test_a_removed_mask_hook_is_noticed(model, data, monkeypatch):
    class Nothing:
        def __enter__(self):
            """Hold nothing."""

        def __exit__(self, *_):
            """Let nothing go."""

    monkeypatch.setattr(HeldWeights, "hold", lambda _: Nothing())
    with pytest.raises(TrainingError, match=r"pruned weights are not 0 after step 2"):
        train(model, None, data, **OPTIONS)
    rarely = {**OPTIONS, "dynamic": DynamicSparsity(every=8)}
    with pytest.raises(TrainingError, match=r"pruned weights are not 0 after epoch 1"):
        train(model, None, data, **rarely)


def test_an_update_that_does_not_zero_what_it_dropped_is_noticed(model, data, monkeypatch):
    monkeypatch.setattr(HeldWeights, "zero", lambda _: None)
    with pytest.raises(TrainingError, match=r"pruned weights are not 0 after the update at step 2"):
        train(model, None, data, **OPTIONS)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dynamic": "deepr"}, "dynamic='deepr' is not one of 'set', 'itop', 'rigl', 'rigl-itop'"),
        ({"dynamic": None}, "density=0.2 is that of the start masks of dynamic sparse training"),
        ({"dynamic": "rigl", "step": "compiled-graph"}, "step='compiled-graph' does not go with"),
    ],
)
def test_options_that_do_not_go_together_are_refused(model, data, changes, message):
    with pytest.raises(ArgumentError, match=message):
        train(model, None, data, **{**OPTIONS, **changes})


def test_a_run_too_short_for_an_update_is_warned_of(model, data):
    message = "masks will not change: .* every 1500 steps, and only before step 9 of the 9 of this"
    with pytest.warns(masktopo.MasktopoWarning, match=message):
        result = train(model, None, data, **{**OPTIONS, "dynamic": "itop"})
    assert result.run.masks == result.masks.digest
    half = DynamicSparsity(every=4, until=0.5)
    assert train(model, None, data, **{**OPTIONS, "dynamic": half}).explored > 0.2
    with pytest.warns(masktopo.MasktopoWarning, match="only before step 3.6 of the 9"):
        train(model, None, data, **{**OPTIONS, "dynamic": DynamicSparsity(every=4, until=0.4)})


def test_given_masks_have_a_density_of_their_own(model, masks, data):
    with pytest.raises(ArgumentError, match="masks that are given have their own"):
        train(model, masks, data, **OPTIONS)


def test_frozen_weights_have_no_gradient_to_grow_by(model, data):
    model.fc1.weight.requires_grad_(False)
    gradient = dataclasses.replace(EVERY_TWO, growth="gradient")
    with pytest.raises(TrainingError, match="layer 'fc1' has no gradient after step 2"):
        train(model, None, data, **{**OPTIONS, "dynamic": gradient})


def test_weights_that_are_not_finite_are_named(model, data):
    with pytest.raises(TrainingError, match=r"weights are not finite after step \d of 9"):
        train(model, None, data, **{**OPTIONS, "learning_rate": 1e30})


def test_gradients_that_are_not_finite_are_named():
    model = nn.Linear(4, 4, bias=False)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    start = MaskSet([LayerMask("weight", np.eye(4, dtype=bool))])
    parameters = dict(model.named_parameters())
    held = HeldWeights(optimizer, parameters, pruned_places(start, parameters))
    held.hold()
    dynamic = DynamicSparsity("gradient", every=1)
    evolution = Evolution(start, dynamic, held, seed=0, steps=9, folder=None)
    evolution.begin({}, {})
    model.weight.grad = torch.full((4, 4), float("nan"))
    with pytest.raises(TrainingError, match="layer 'weight': gradients are not finite after"):
        evolution(model, 1)


def test_a_hook_sees_every_step_after_its_update(model, data):
    seen = []

    def look(network, step):
        seen.append((step, int((network.fc1.weight != 0).sum())))

    result = train(model, None, data, after_step=look, **OPTIONS)
    kept = result.masks["fc1"].nnz
    assert [step for step, _ in seen] == [*range(1, 10)]
    # New weights are still 0 where the hook is called after the update.
    assert [count < kept for _, count in seen] == [step in (2, 4, 6, 8) for step, _ in seen]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_steps_of_an_epoch_are_counted_as_its_batches(size):
    generator = torch.Generator().manual_seed(0)
    for count in range(1, 20):
        assert steps_per_epoch(count, size) == len(_batches(count, size, generator))
