"""What holds on a GPU as well: exact zeros, going on, pruning, and masks of the CPU."""

import os

import pytest
import torch

import masktopo
from masktopo.data import resolve_data
from masktopo.networks import build_network
from masktopo.pruning import METHODS
from masktopo.training import DynamicSparsity, TrainConfig
from masktopo.training.identity import state_digest
from masktopo.training.optimizer import make_optimizer
from masktopo.training.step import make_step
from tests.training.test_resume import stop_in_epoch

# Read when the first matrix product is made; without it torch warns of inexact repeats.
os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]

STEPS = ["eager", "graph"]


@pytest.fixture(scope="module")
def images():
    return resolve_data("synthetic:3x16x16:4")


@pytest.fixture
def network():
    return build_network("resnet20", input_shape=(3, 16, 16), n_classes=4, rng=0)


def options(step, **more):
    shared = {"epochs": 3, "batch_size": 64, "learning_rate": 0.05, "augment": "crop-flip"}
    return {**shared, "step": step, "device": "cuda", **more}


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("precision", ["float32", "auto"])
def test_pruned_weights_stay_zero_and_the_network_learns(network, images, step, precision):
    masks = masktopo.prune(network, method="random-erk", density=0.2)
    result = masktopo.train(network, masks, images, **options(step, precision=precision, epochs=8))
    for name, layer in masks.items():
        trained = result.state_dict[f"{name}.weight"]
        assert not trained.is_cuda
        assert trained.is_contiguous()
        assert not trained.numpy()[~layer.mask].any()
    assert result.history["loss"].iloc[-1] < 0.7 * result.history["loss"].iloc[0]


@pytest.mark.parametrize("step", STEPS)
def test_equal_seeds_give_equal_weights_on_one_device(network, images, step):
    masks = masktopo.prune(network, method="random-erk", density=0.2)
    first, second = (masktopo.train(network, masks, images, **options(step)) for _ in range(2))
    assert state_digest(first.state_dict) == state_digest(second.state_dict)


def test_a_recorded_step_does_what_a_plain_one_does(network, images):
    plain, recorded = (
        masktopo.train(network, None, images, **options(step, precision="float32", epochs=2))
        for step in STEPS
    )
    # Sums may be taken in another order, and every step carries that on.
    assert plain.history["loss"].tolist() == pytest.approx(
        recorded.history["loss"].tolist(), rel=0.05
    )


@pytest.mark.parametrize("step", STEPS)
def test_a_stopped_run_goes_on(network, images, tmp_path, monkeypatch, step):
    masks = masktopo.prune(network, method="random-erk", density=0.2)
    given = (network, masks, images)
    stop_in_epoch(2, monkeypatch, *given, out=tmp_path, **options(step))
    result = masktopo.train(*given, out=tmp_path, **options(step))
    assert result.history["epoch"].tolist() == [1, 2, 3]
    assert not (tmp_path / "last.pt").exists()


def test_a_recorded_step_leaves_its_gradients(network, images):
    data, model = images.train.to("cuda"), network.to("cuda").train()
    # Without momentum and decay a weight moves by rate times gradient.
    config = TrainConfig(
        batch_size=32, learning_rate=0.1, momentum=0, nesterov=False, weight_decay=0, step="graph"
    )
    optimizer = make_optimizer(model, config)
    take = make_step(model, optimizer, data, config)
    # The fourth step is recorded, the sixth taken plainly, as an epoch's last batch is, and the
    # eighth recorded anew.
    for place, size in enumerate((32, 32, 32, 32, 32, 20, 32, 32, 32)):
        rate = 0.1 if place < 7 else 0.05
        optimizer.param_groups[0]["lr"] = rate
        before = [each.detach().clone() for each in model.parameters()]
        take(torch.arange(32 * place, 32 * place + size, device="cuda"), None)
        for weight, each in zip(before, model.parameters(), strict=True):
            moved = (weight - each.detach()) / rate
            # Weights of about 1 move by multiples of 6e-8, which the rate makes up to 1.2e-6.
            torch.testing.assert_close(moved, each.grad, rtol=1e-4, atol=4e-6)


@pytest.mark.parametrize("growth", ["random", "gradient"])
@pytest.mark.parametrize("step", STEPS)
def test_masks_change_under_every_step(network, images, tmp_path, step, growth):
    dynamic = DynamicSparsity(growth, every=2)
    shared = options(step, dynamic=dynamic, density=0.2)
    result = masktopo.train(network, None, images, out=tmp_path, **shared)
    start = masktopo.load_masks(tmp_path / "updates" / "00000000.masks")
    assert {n: m.nnz for n, m in result.masks.items()} == {n: m.nnz for n, m in start.items()}
    assert result.masks != start
    assert result.explored > 0.21


def test_the_first_random_growth_is_that_of_the_cpu(network, images, tmp_path):
    # All of the weights are dropped and drawn anew, so that no rounding of training plays a part.
    dynamic = DynamicSparsity(every=1, fraction=1.0, final_fraction=1.0)
    shared = {**options("eager", epochs=1), "dynamic": dynamic, "density": 0.2}
    for place in ("cpu", "cuda"):
        masktopo.train(network, None, images, out=tmp_path / place, **{**shared, "device": place})
    first = [tmp_path / place / "updates" / "00000001.masks" for place in ("cpu", "cuda")]
    assert masktopo.load_masks(first[0]) == masktopo.load_masks(first[1])


@pytest.mark.parametrize("method", METHODS)
def test_methods_prune_a_network_on_the_gpu(network, images, method):
    masks = masktopo.prune(network.to("cuda"), images, method=method, density=0.1, batch_size=64)
    assert masks.nnz == round(0.1 * masks.size)
    assert all(parameter.is_cuda for parameter in network.parameters())


def test_pags_samples_from_a_network_on_the_gpu(network, images):
    result = masktopo.pags(
        network.to("cuda"), images, method="snip", density=0.1, samples=2, batches=2, batch_size=64
    )
    assert result.masks.nnz == round(0.1 * result.masks.size)


def test_masks_of_the_cpu_serve_a_network_on_the_gpu(network, images, tmp_path):
    masks = masktopo.prune(network, method="magnitude", density=0.1)
    masks.save(tmp_path / "net.masks")
    pruned = masktopo.load_masks(tmp_path / "net.masks").apply(network.to("cuda"))
    weight = pruned.get_submodule("conv1").weight
    assert weight.is_cuda
    assert int((weight != 0).sum()) <= masks["conv1"].nnz
    result = masktopo.train(network, tmp_path / "net.masks", images, **options("eager", epochs=1))
    assert result.masks == masks


@pytest.mark.parametrize("step", STEPS)
def test_a_stack_trains_as_its_members_do_alone(network, images, step):
    masks = [masktopo.prune(network, method="random-erk", density=0.3, rng=i) for i in range(2)]
    given = options(step, epochs=1, precision="float32")
    stacked = masktopo.train_many(network, masks, images, stack=2, **given)
    alone = masktopo.train_many(network, masks, images, **given)
    for one, other, chosen in zip(stacked, alone, masks, strict=True):
        assert one.history["loss"][0] == pytest.approx(other.history["loss"][0], rel=0.02)
        for name, layer in chosen.items():
            assert not one.state_dict[f"{name}.weight"].numpy()[~layer.mask].any()
