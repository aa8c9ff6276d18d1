import numpy as np
import pytest
import torch
from torch import nn

from masktopo.data.tensors import TensorData
from masktopo.networks import build_network
from masktopo.pruning.choose import choose
from masktopo.pruning.grasp import TEMPERATURE
from masktopo.pruning.problem import Problem
from masktopo.pruning.recipe import Draw, Recipe
from tests.naive.pruning import (
    naive_half_slopes,
    naive_keep_highest,
    naive_snip_by_removal,
    naive_snip_masks,
    naive_snip_of_softmax,
    naive_softmax_gradient,
    naive_squared_gradient_norm,
    naive_synflow,
    naive_synflow_masks,
)


def data_of(n, shape, n_classes=3, seed=0):
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.randn((n, *shape), generator=generator)
    labels = torch.randint(0, n_classes, (n,), generator=generator)
    return TensorData(inputs, labels, n_classes, "made up")


def filled(model, seed=0):
    """Give every parameter and buffer of a float64 model normal values of a seed."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.double().parameters():
            parameter.normal_(generator=generator)
    return model


def mlp(bias=True):
    return nn.Sequential(
        nn.Linear(4, 5, bias=bias), nn.ReLU(), nn.Linear(5, 4, bias=bias), nn.ReLU(),
        nn.Linear(4, 3, bias=bias),
    )  # fmt: skip


def convolutional():
    return nn.Sequential(
        nn.Conv2d(2, 4, 3, groups=2, stride=2), nn.BatchNorm2d(4), nn.ReLU(),
        nn.Flatten(), nn.Linear(4 * 2 * 2, 3),
    )  # fmt: skip


def batches_of(data, size, dtype=torch.float64):
    cut = range(0, len(data), size)
    return [(data.inputs[i : i + size].to(dtype), data.labels[i : i + size]) for i in cut]


def test_snip_of_a_linear_layer_in_closed_form():
    model, data = filled(nn.Linear(4, 3, bias=False)), data_of(20, (4,))
    problem = Problem(model, Recipe("snip", density=0.5, batch_size=6), data)
    expected = naive_snip_of_softmax(
        model.weight.detach().numpy(), data.inputs.double().numpy(), data.labels.numpy(), 6
    )
    choice = choose(problem, Draw(0))
    np.testing.assert_allclose(choice.scores, expected, rtol=1e-10)
    assert np.array_equal(choice.kept, naive_keep_highest(expected, 6))


@pytest.mark.parametrize(
    ("build", "shape", "weights"),
    [(mlp, (4,), ["0", "2", "4"]), (convolutional, (2, 5, 5), ["0", "4"])],
)
def test_snip_is_the_effect_of_removing_a_weight(build, shape, weights):
    model, data = filled(build()), data_of(14, shape)
    problem = Problem(model, Recipe("snip", density=0.5, batch_size=5), data)
    assert [layer.name for layer in problem.layers] == weights
    scores = choose(problem, Draw(0)).scores
    model.eval()
    tensors = [model.get_parameter(f"{name}.weight") for name in weights]
    expected = naive_snip_by_removal(model, tensors, batches_of(data, 5), 5)
    # Central differences with a step of 1e-6 in float64 are good to about 1e-9.
    np.testing.assert_allclose(scores, expected, rtol=1e-6, atol=1e-8)


def test_train_mode_scores_with_batch_statistics():
    model, data = filled(convolutional()), data_of(12, (2, 5, 5))
    recipe = Recipe("snip", density=0.5, batch_size=6, train_mode=True)
    scores = choose(Problem(model, recipe, data), Draw(0)).scores
    model.train()
    tensors = [model[0].weight, model[4].weight]
    expected = naive_snip_by_removal(model, tensors, batches_of(data, 6), 6)
    np.testing.assert_allclose(scores, expected, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("rounds", [3, 100])
def test_iterative_snip_prunes_in_rounds(rounds):
    model, data = filled(mlp()), data_of(14, (4,))
    recipe = Recipe("snip-iterative", 0.2, batch_size=5, rounds=None if rounds == 100 else rounds)
    kept = choose(Problem(model, recipe, data), Draw(0)).kept
    weights = [model[index].weight for index in (0, 2, 4)]
    expected = naive_snip_masks(model, weights, batches_of(data, 5), 5, 0.2, rounds)
    assert np.array_equal(kept, expected)
    once = choose(Problem(model, Recipe("snip", 0.2, batch_size=5), data), Draw(0)).kept
    assert not np.array_equal(kept, once)


def test_snip_does_not_depend_on_how_samples_are_cut_into_batches():
    model, data = filled(mlp()), data_of(14, (4,))
    whole, parts = (
        choose(Problem(model, Recipe("snip", density=0.5, batch_size=size), data), Draw(0)).scores
        * size
        for size in (14, 4)
    )
    np.testing.assert_allclose(parts, whole, rtol=1e-9)


def softmax_problem(method, scale=1.0):
    """Return a linear layer and 20 samples, and the squared norm of its gradient in closed form."""
    model, data = filled(nn.Linear(4, 3, bias=False)), data_of(20, (4,))
    with torch.no_grad():
        model.weight.mul_(scale)
    weight = model.weight.detach().numpy().copy()
    samples = data.inputs.double().numpy(), data.labels.numpy()

    def squared_norm():
        return (naive_softmax_gradient(weight, *samples, 6, TEMPERATURE) ** 2).sum()

    return Problem(model, Recipe(method, 0.5, batch_size=6), data), weight, squared_norm


def test_grasp_of_a_linear_layer_is_the_slope_of_the_gradient_norm():
    problem, weight, squared_norm = softmax_problem("grasp")
    expected = naive_half_slopes(squared_norm, [weight])
    # Central differences with a step of 1e-5 are good to about 1e-10 of the norm.
    np.testing.assert_allclose(
        choose(problem, Draw(0)).scores, expected, rtol=1e-6, atol=1e-9 * squared_norm()
    )
    assert (expected > 0).any()
    assert (expected < 0).any()


def test_grasp_keeps_what_the_gradient_norm_would_lose_most_by():
    # Small weights, since the score is the first order of what removal does.
    problem, weight, squared_norm = softmax_problem("grasp", scale=1e-3)
    norms = np.empty(weight.size)
    for place in range(weight.size):
        value, weight.flat[place] = weight.flat[place], 0
        norms[place] = squared_norm()
        weight.flat[place] = value
    choice = choose(problem, Draw(0))
    assert np.argsort(-choice.scores).tolist() == np.argsort(norms).tolist()
    assert norms[choice.kept].max() < norms[~choice.kept].min()


@pytest.mark.parametrize(
    ("build", "shape", "train_mode"),
    [(mlp, (4,), False), (convolutional, (2, 5, 5), False), (convolutional, (2, 5, 5), True)],
)
def test_grasp_is_the_slope_of_the_gradient_norm(build, shape, train_mode):
    model, data = filled(build()), data_of(14, shape)
    recipe = Recipe("grasp", 0.5, batch_size=5, train_mode=train_mode)
    problem = Problem(model, recipe, data)
    scores = choose(problem, Draw(0)).scores
    model.train(train_mode)
    weights = [model.get_parameter(f"{layer.name}.weight") for layer in problem.layers]
    batches = batches_of(data, 5)

    def squared_norm():
        return naive_squared_gradient_norm(model, weights, batches, 5, TEMPERATURE)

    views = [weight.detach().numpy() for weight in weights]
    expected = naive_half_slopes(squared_norm, views)
    np.testing.assert_allclose(scores, expected, rtol=1e-5, atol=1e-9 * squared_norm())


def test_grasp_scores_networks_with_attention():
    model = build_network("vit-small", input_shape=(3, 16, 16), n_classes=3, rng=0)
    problem = Problem(model, Recipe("grasp", 0.1), data_of(4, (3, 16, 16)))
    assert choose(problem, Draw(0)).kept.sum() == round(0.1 * problem.size)


def test_drawn_batches_are_samples_without_replacement():
    model, data = filled(mlp()), data_of(13, (4,))
    problem = Problem(model, Recipe("snip", density=0.5, batch_size=3), data)
    draws = [choose(problem, Draw(0, index, batches=4)).scores for index in (1, 1, 3)]
    assert np.array_equal(draws[0], draws[1])
    assert not np.allclose(draws[0], draws[2])
    single = np.array(
        [naive_gradient(model, data.subset(np.array([place])), 3) for place in range(len(data))]
    )  # each sample's share of the summed gradient
    weights = np.concatenate([model[i].weight.detach().numpy().ravel() for i in (0, 2, 4)])
    left_out = [
        place
        for place in range(len(data))
        if np.allclose(abs((single.sum(0) - single[place]) * weights), draws[0], rtol=1e-8)
    ]
    assert len(left_out) == 1  # 12 of 13 samples, each once


def naive_gradient(model, data, size):
    model.zero_grad()
    nn.functional.cross_entropy(model(data.inputs.double()), data.labels).backward()
    gradient = np.concatenate([model[i].weight.grad.numpy().ravel() for i in (0, 2, 4)]) / size
    model.zero_grad()
    return gradient


def test_magnitude():
    model = filled(mlp())
    choice = choose(Problem(model, Recipe("magnitude", density=0.3)), Draw(0))
    weights = np.concatenate([abs(model[i].weight.detach().numpy().ravel()) for i in (0, 2, 4)])
    assert np.array_equal(choice.scores, weights)
    assert np.array_equal(choice.kept, naive_keep_highest(weights, round(0.3 * 52)))


def test_magnitude_by_layer():
    model = filled(mlp())
    choice = choose(Problem(model, Recipe("magnitude", density=0.3, scope="layer")), Draw(0))
    # 0.3 * (20, 20, 12) = (6, 6, 3.6), 16 in all
    parts = np.split(choice.kept, [20, 40])
    for part, index, count in zip(parts, (0, 2, 4), (6, 6, 4), strict=True):
        scores = abs(model[index].weight.detach().numpy().ravel())
        assert np.array_equal(part, naive_keep_highest(scores, count))


def weights_of(model):
    return [layer.weight.detach().numpy() for layer in model if isinstance(layer, nn.Linear)]


def test_synflow_counts_paths():
    model = filled(mlp(bias=False))
    problem = Problem(model, Recipe("synflow", density=0.5, rounds=1), data_of(3, (4,)))
    expected = np.concatenate([score.ravel() for score in naive_synflow(weights_of(model))])
    np.testing.assert_allclose(choose(problem, Draw(0)).scores, expected, rtol=1e-10)


@pytest.mark.parametrize("rounds", [1, 4, 100])
def test_synflow_prunes_in_rounds(rounds):
    model = filled(mlp(bias=False))
    recipe = Recipe("synflow", density=0.25, rounds=None if rounds == 100 else rounds)
    kept = choose(Problem(model, recipe, data_of(3, (4,))), Draw(0)).kept
    assert np.array_equal(kept, naive_synflow_masks(weights_of(model), 0.25, rounds))


def test_synflow_takes_absolute_buffers_and_biases():
    model = filled(nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2), nn.Linear(2, 1, bias=False)))
    with torch.no_grad():
        model[1].running_mean.copy_(torch.tensor([-3.0, 2.0]))
        model[1].running_var.copy_(torch.tensor([4.0, 9.0]))
        model[1].weight.copy_(torch.tensor([-1.0, 2.0]))
    problem = Problem(model, Recipe("synflow", density=0.5, rounds=1), data_of(3, (2,), 1))
    first, last = (abs(model[i].weight.detach().numpy()) for i in (0, 2))
    scale = np.array([1.0, 2.0]) / np.sqrt(np.array([4.0, 9.0]) + 1e-5)
    bias, shift = (abs(model[i].bias.detach().numpy()) for i in (0, 1))
    hidden = (first.sum(1) + bias - np.array([3.0, 2.0])) * scale + shift
    expected = np.concatenate([(first * (last[0] * scale)[:, None]).ravel(), last[0] * abs(hidden)])
    np.testing.assert_allclose(choose(problem, Draw(0)).scores, expected, rtol=1e-10)


def test_rounds_order_what_they_removed():
    model = filled(mlp(bias=False))
    problem = Problem(model, Recipe("synflow", density=0.25, rounds=4), data_of(3, (4,)))
    choice = choose(problem, Draw(0))
    order = sorted(
        range(52), key=lambda place: (choice.rounds[place], choice.scores[place], -place)
    )
    assert [int(choice.standing[place]) for place in order] == list(range(52))
    assert np.array_equal(naive_keep_highest(choice.standing, 13), choice.kept)


def test_noise_multiplies_scores():
    problem = Problem(filled(mlp()), Recipe("magnitude", density=0.3))
    plain = choose(problem, Draw(5)).scores
    factors = choose(problem, Draw(5, 1, noise=1e-3)).scores / plain - 1
    assert 0.5e-3 < factors.std() < 2e-3
    assert abs(factors).max() < 6e-3
    assert np.array_equal(choose(problem, Draw(5, 1, noise=0)).scores, plain)


def test_noise_is_new_in_every_round_and_keeps_removed_weights_out():
    problem = Problem(
        filled(mlp(False)), Recipe("synflow", density=0.2, rounds=8), data_of(3, (4,))
    )
    draws = [choose(problem, Draw(5, index, noise=0.5)) for index in (1, 1, 2)]
    assert np.array_equal(draws[0].kept, draws[1].kept)
    assert not np.array_equal(draws[0].scores, draws[2].scores)
    assert all(draw.kept.sum() == 10 for draw in draws)
    assert all((draw.rounds[draw.kept] == 7).all() for draw in draws)


def test_every_round_has_noise_of_its_own():
    made_up, draw = data_of(3, (4,)), Draw(5, 1, noise=0.5)
    scores = [
        choose(Problem(filled(mlp()), Recipe("synflow", density=1, rounds=n), made_up), draw).scores
        for n in (1, 2, 2)
    ]
    assert np.array_equal(scores[1], scores[2])
    assert not np.allclose(scores[0], scores[1])


def test_synflow_runs_in_eval_mode_always():
    made_up = data_of(3, (2, 5, 5))
    recipes = [Recipe("synflow", density=0.5, rounds=1, train_mode=mode) for mode in (False, True)]
    first, second = (
        choose(Problem(filled(convolutional()), recipe, made_up), Draw(0)).scores
        for recipe in recipes
    )
    assert np.array_equal(first, second)


def test_noise_in_the_weights_has_their_scale():
    model = nn.Sequential(nn.Linear(50, 60), nn.Linear(60, 3))
    with torch.no_grad():
        model[1].weight.mul_(100)
    problem = Problem(model, Recipe("magnitude", density=0.3))
    shaken = choose(problem, Draw(5, 1, noise="weights")).scores
    first = problem.layers[0].span
    assert not np.array_equal(shaken, choose(problem, Draw(5)).scores)
    # |w + n| of two independent variables of one variance has a second moment of twice theirs.
    ratio = np.sqrt(np.mean(shaken[first] ** 2) / np.mean(model[0].weight.detach().numpy() ** 2))
    assert ratio == pytest.approx(np.sqrt(2), rel=0.05)
