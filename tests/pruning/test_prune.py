import copy
import random
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from torch import nn

import masktopo
from masktopo.data.tensors import TensorData
from masktopo.errors import ArgumentError, MaskError, MasktopoWarning, PruningError
from masktopo.pruning import METHODS, prune
from tests.pruning.models import AllKinds, few_rounds, volumes


def network():
    torch.manual_seed(3)
    model = nn.Sequential(
        nn.Conv2d(2, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.Dropout(0.3),
        nn.Conv2d(8, 8, 3, groups=4), nn.Flatten(), nn.Linear(8 * 4 * 4, 3),
    )  # fmt: skip
    with torch.no_grad():
        model[6].weight.mul_(3)  # else magnitude empties the layer
    return model


def data(n=60):
    generator = torch.Generator().manual_seed(1)
    inputs = torch.randn((n, 2, 6, 6), generator=generator)
    return TensorData(inputs, torch.arange(n) % 3, 3, "made up")


@pytest.mark.parametrize("density", [0.1, 0.5, 1])
@pytest.mark.parametrize("method", METHODS)
def test_counts_are_exact(method, density):
    options = {"method": method, "batch_size": 16, **few_rounds(method)}
    masks = prune(network(), data(), density=density, **options)
    assert masks.nnz == round(density * masks.size)
    assert {layer.origin for layer in masks.values()} == {f"{method} at density {density:g}"}
    assert np.array_equal(masks["0"].weight, network()[0].weight.detach().numpy())


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("training", [True, False])
def test_the_model_is_left_as_it_was_found(method, training):
    model = AllKinds().train(training)
    model.image.weight.requires_grad_(False)
    model.norm.eval()
    model.head.weight.grad = torch.ones_like(model.head.weight)
    state, modes = copy.deepcopy(model.state_dict()), [m.training for m in model.modules()]
    wanted = [parameter.requires_grad for parameter in model.parameters()]
    random_state, threads = torch.get_rng_state(), torch.get_num_threads()
    numpy_state = np.random.get_state()[1].copy()  # noqa: NPY002
    options = {"density": 0.3, "train_mode": True, "batch_size": 12, **few_rounds(method)}
    prune(model, volumes(), method=method, shuffle=True, keep_dense="first", **options)
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())
    assert [module.training for module in model.modules()] == modes
    assert [parameter.requires_grad for parameter in model.parameters()] == wanted
    assert torch.equal(model.head.weight.grad, torch.ones_like(model.head.weight))
    assert sum(parameter.grad is not None for parameter in model.parameters()) == 1
    assert torch.equal(torch.get_rng_state(), random_state)
    assert np.array_equal(np.random.get_state()[1], numpy_state)  # noqa: NPY002
    assert torch.get_num_threads() == threads
    assert not torch.are_deterministic_algorithms_enabled()


@pytest.mark.parametrize("method", METHODS)
def test_equal_seeds_give_equal_masks(method):
    options = {"method": method, "density": 0.2, "train_mode": True, "batch_size": 16}
    options |= few_rounds(method)
    model = network()
    torch.manual_seed(10)
    first = prune(model, data(), rng=4, **options)
    torch.manual_seed(11)
    assert prune(model, data(), rng=4, **options) == first
    generators = [np.random.default_rng(2), np.random.default_rng(2)]
    one, two = (prune(model, data(), rng=rng, **options) for rng in generators)
    assert one == two


def test_dropout_follows_the_seed():
    options = {"density": 0.2, "train_mode": True, "batch_size": 16}
    assert prune(network(), data(), rng=4, **options) != prune(network(), data(), rng=5, **options)


@pytest.mark.parametrize("method", ["random-uniform", "random-er", "random-erk"])
def test_random_masks_differ_by_seed_and_fill_layers_by_rule(method):
    first, second = (prune(network(), method=method, density=0.2, rng=seed) for seed in (0, 1))
    assert first != second
    assert [layer.nnz for layer in first.values()] == [layer.nnz for layer in second.values()]


def test_some_batches():
    options = {"density": 0.2, "batch_size": 8}
    some = prune(network(), data(), batches=3, rng=1, **options)
    assert prune(network(), data(), batches=3, rng=1, **options) == some
    assert prune(network(), data(), batches=3, rng=2, **options) != some


def test_the_validation_and_test_parts_are_never_seen():
    splits = masktopo.data.resolve_data(data())
    seen = splits.training_part
    whole = prune(network(), data(), density=0.2)
    assert prune(network(), splits, density=0.2) == whole
    changed = splits.train.inputs.clone()
    hidden = [
        not any(torch.equal(row, other) for other in seen.inputs) for row in splits.train.inputs
    ]
    changed[hidden] = 1e3
    assert sum(hidden) == 5
    altered = TensorData(changed, splits.train.labels, 3, "altered")
    assert prune(network(), altered, test=splits.test, density=0.2) == whole


def test_data_smaller_than_a_batch_is_one_batch():
    small = data(20)
    assert prune(network(), small, density=0.2, batch_size=128) == prune(
        network(), small, density=0.2, batch_size=20
    )
    with pytest.raises(PruningError, match=r"1 batches of 128 .* need 128 samples, but .* has 14"):
        prune(network(), small, batches=1)


def test_tied_weights_count_once():
    model = nn.Sequential(nn.Linear(6, 6), nn.ReLU(), nn.Linear(6, 6), nn.Linear(6, 3))
    model[2].weight = model[0].weight
    pairs = (torch.randn(40, 6), torch.arange(40) % 3)
    for method in METHODS:
        masks = prune(model, pairs, method=method, density=0.5)
        assert list(masks) == ["0", "3"]
        assert masks["0"].aliases == ("2",)
        assert masks.nnz == 27


def test_layers_that_cannot_be_pruned_stay_dense():
    class Words(nn.Module):
        def __init__(self):
            super().__init__()
            self.table, self.fc = nn.Embedding(10, 4), nn.Linear(4, 3)

        def forward(self, words):
            return self.fc(self.table(words.long()).mean(1))

    pairs = (torch.randint(0, 10, (40, 5)).float(), torch.arange(40) % 3)
    masks = prune(Words(), pairs, density=0.5)
    assert masks["table"].is_dense
    assert masks["fc"].nnz == 6


def test_wrapped_models_have_the_names_of_what_they_wrap():
    plain = prune(network(), data(), density=0.1)
    assert prune(nn.DataParallel(network()), data(), density=0.1) == plain


def test_weights_that_the_network_does_not_use_score_0():
    model = nn.Sequential(nn.Linear(4, 3))
    model[0].extra = nn.Linear(4, 4)
    masks_seen = pytest.warns(
        MasktopoWarning, match=r"leaves no weight in 1 of 2 layers .*0\.extra"
    )
    with masks_seen:
        masks = prune(model, (torch.randn(40, 4), torch.arange(40) % 3), density=0.4)
    assert masks["0"].nnz == 11


def test_layer_collapse_is_a_warning_at_the_call():
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    with torch.no_grad():
        model[1].weight.mul_(1e-3)
    with pytest.warns(
        MasktopoWarning, match="magnitude at density 0.25 leaves .* collapse.*: 1$"
    ) as got:
        prune(model, method="magnitude", density=0.25)
    assert got[0].filename == __file__


def test_no_warning_without_collapse():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        prune(network(), method="magnitude", density=0.5)


class Diverging(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc, self.calls = nn.Linear(4, 3), 0

    def forward(self, inputs):
        self.calls += 1
        return self.fc(inputs) / (0.0 if self.calls == 3 else 1.0)


def test_a_loss_that_is_not_finite_names_its_batch():
    pairs = (torch.randn(60, 4), torch.arange(60) % 3)
    with pytest.raises(PruningError, match=r"the loss is nan in batch 2 of 5 of data"):
        prune(Diverging(), pairs, density=0.5, batch_size=10)


def test_a_score_that_is_not_finite_names_its_layer():
    model = nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 3)).double()
    with torch.no_grad():
        model[0].weight.fill_(1e200)
        model[1].weight.fill_(1e200)
    with pytest.raises(PruningError, match=r"synflow: 12 of 12 scores of layer '0' are not finite"):
        prune(model, (torch.randn(40, 4), torch.arange(40) % 3), method="synflow", density=0.5)


def test_models_that_do_not_take_the_data_are_named():
    pairs = (torch.randn(60, 5), torch.arange(60) % 3)
    with pytest.raises(PruningError, match=r"the model fails on batch 0 .* shape \(43, 5\)"):
        prune(nn.Linear(4, 3), pairs, density=0.5)
    with pytest.raises(PruningError, match=r"the model fails on an input of shape \(1, 5\)"):
        prune(nn.Linear(4, 3), pairs, method="synflow", density=0.5)
    with pytest.raises(PruningError, match="the model fails on batch 0"):
        prune(nn.Linear(5, 2), pairs, density=0.5)  # a class without a logit


@pytest.mark.parametrize(
    ("method", "what"),
    [
        ("snip", "mini-batches"),
        ("synflow", "the shape"),
        ("phew", "the shape"),
        ("npb", "the shape"),
    ],
)
def test_methods_that_need_data_say_so(method, what):
    with pytest.raises(ArgumentError, match=f"method '{method}' needs data, for {what}"):
        prune(network(), method=method)


def test_a_model_without_prunable_layers():
    with pytest.raises(PruningError, match=r"no prunable layer: .* among weight"):
        prune(nn.Embedding(3, 4), method="magnitude")


def test_hooked_weights_are_refused_by_name():
    model = nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 3))
    nn.utils.prune.l1_unstructured(model[1], "weight", 2)
    with pytest.raises(PruningError, match="the weight of layer 1 is no parameter"):
        prune(model, method="magnitude", density=0.5)


def test_weights_that_are_not_finite_are_refused_by_name():
    model = nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 3))
    with torch.no_grad():
        model[1].weight[0, 0] = torch.nan
    with pytest.raises(MaskError, match="1"):
        prune(model, method="magnitude", density=0.5)


def test_densities_that_keep_nothing():
    with pytest.raises(PruningError, match="keeps none"):
        prune(nn.Linear(4, 3), method="magnitude", density=0.01)


@pytest.mark.parametrize("noise", [np.float32(0.5), np.float64(0.5), torch.tensor(0.5)])
def test_noise_is_the_number_that_it_is(noise):
    options = {"method": "magnitude", "density": 0.1}
    assert prune(network(), noise=noise, **options) == prune(network(), noise=0.5, **options)
    assert prune(network(), noise=noise, **options) != prune(network(), **options)


class Drawing(nn.Module):
    """Draws from states that are not torch's."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(4)
        self.fc = nn.Linear(72, 3)

    def forward(self, inputs):
        kept = np.random.rand(72) < random.random()  # noqa: NPY002
        return self.fc(inputs.flatten(1) * torch.from_numpy(kept))


def test_models_that_draw_from_any_global_state_are_pruned_alike():
    options = {"method": "snip", "density": 0.1, "train_mode": True, "rng": 0}
    states = random.getstate(), np.random.get_state()[1].copy()  # noqa: NPY002
    first = prune(Drawing(), data(), **options)
    assert random.getstate() == states[0]
    assert np.array_equal(np.random.get_state()[1], states[1])  # noqa: NPY002
    random.random()
    np.random.rand()  # noqa: NPY002
    assert prune(Drawing(), data(), **options) == first
    assert prune(Drawing(), data(), **{**options, "rng": 1}) != first


def test_threads_prune_as_one():
    options = {"method": "snip", "density": 0.2, "train_mode": True, "batch_size": 10}
    model, samples = network(), data()
    alone = [prune(model, samples, rng=seed, **options) for seed in range(12)]
    with ThreadPoolExecutor(4) as pool:
        several = pool.map(lambda seed: prune(model, samples, rng=seed, **options), range(12))
        assert list(several) == alone
    assert not torch.are_deterministic_algorithms_enabled()
