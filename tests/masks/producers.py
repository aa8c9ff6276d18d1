"""Every format that masktopo reads, as a file or folder of `make.masks()`.

Where the producer is at hand (torch, safetensors, NumPy, masktopo) it writes the file itself;
else the function writes exactly the keys that the producer's source writes.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.ao.pruning import WeightNormSparsifier

from masktopo import load_masks
from tests.masks import checkpoints as make

__all__ = ["PRODUCERS", "Producer"]


@dataclass(frozen=True)
class Producer:
    """Who writes such a file, how, and what masktopo says that the masks came from."""

    write: Callable[[Path], Path]
    origin: str
    has_weights: bool = True


def state() -> dict[str, torch.Tensor]:
    return make.network().state_dict()


def table() -> dict[str, torch.Tensor]:
    return {f"{name}.weight": mask.float() for name, mask in make.masks().items()}


def beside(entries: Callable[[], dict]) -> Callable[[Path], Path]:
    return lambda folder: make.save_zip(entries(), folder / "net.pt")


def sparsifier() -> tuple[nn.Module, WeightNormSparsifier]:
    """A sparsifier of torch.ao.pruning whose masks are ours."""
    model, found = make.network(), WeightNormSparsifier()
    found.prepare(model, [{"tensor_fqn": f"{name}.weight"} for name in make.SHAPES])
    for name, mask in make.masks().items():
        found.state[f"{name}.weight"]["mask"].copy_(mask)
    return model, found


def with_sparsifier() -> dict:
    model, found = sparsifier()
    return {"model": model.state_dict(), "sparsifier": found.state_dict()}


def sparsimony() -> dict:
    found = dict(make.parametrized_network().state_dict())
    for name, shape in make.SHAPES.items():
        found[f"{name}.parametrizations.weight.0.dense_grad"] = torch.ones(shape)
    return found


def buffers(pattern: str) -> dict:
    return state() | {pattern.format(name): mask for name, mask in make.masks().items()}


def open_lth_folder(folder: Path) -> Path:
    masks = {name: mask.to(torch.int32) for name, mask in table().items()}
    make.save_zip(masks, folder / "mask.pth")
    make.save_zip(make.network(seed=7).state_dict(), folder / "model_ep9_it0.pth")
    make.save_zip(state(), folder / "model_ep160_it0.pth")
    (folder / "sparsity_report.json").write_text('{"total": 224, "unpruned": 90}')
    return folder


def open_lth_state() -> dict:
    found = {f"model.{name}": tensor for name, tensor in state().items()}
    masks = {f"mask_{name.replace('.', '___')}": mask for name, mask in table().items()}
    return {"ep": 3, "it": 0, "model_state_dict": found | masks, "logger": "1,2"}


def rigl_reproducibility() -> dict:
    mask = {"baseline_nonzero": 9, "masks": table(), "stats": [], "mask_step": 3}
    return {"step": 1, "epoch": 1, "model": state(), "optimizer": {}, "val_loss": 0.5, "mask": mask}


def rigl_torch() -> dict:
    masks = list(make.masks().values())
    pruner = {"dense_allocation": 0.4, "S": [0.6, 0.6], "N": [108, 80], "step": 3, "rigl_steps": 1}
    pruner |= {"backward_masks": masks, "_linear_layers_mask": [0, 1]}
    return {"epoch": 2, "arch": "tiny", "state_dict": state(), "best_acc1": 1.5, "pruner": pruner}


def nni_masks() -> dict:
    return {
        name: {"weight": mask.float(), "bias": torch.ones(mask.shape[0])}
        for name, mask in make.masks().items()
    }


def nni_folder(folder: Path) -> Path:
    make.save_zip(nni_masks(), folder / "mask.pth")
    make.save_zip(state(), folder / "model.pth")
    return folder


def prospr_folder(folder: Path) -> Path:
    make.save_zip([mask.float() for mask in make.masks().values()], folder / "pruning_keep_mask.pt")
    make.save_zip(state(), folder / "model.pt")
    return folder


def soft_thresholds() -> dict:
    """STR: sigmoid(-1) is 0.27, beyond which lie the kept weights and no other."""
    found = {}
    for name, tensor in state().items():
        found[name] = tensor
        if name.removesuffix(".weight") in make.SHAPES:
            mask = make.masks()[name.removesuffix(".weight")]
            found[name] = torch.where(mask, tensor + 0.1, tensor / 10) * -1
            threshold = torch.full((1, 1), -1.0)
            found[name.replace("weight", "sparseThreshold")] = threshold
    return {"epoch": 1, "arch": "tiny", "state_dict": found}


def sparse_layout() -> dict:
    return make.network().state_dict() | {
        f"{name}.weight": tensor.to_sparse()
        for name, tensor in (
            (name, getattr(make.pruned_network(), name).weight.detach()) for name in make.SHAPES
        )
    }


def bitmask_parts(weight: np.ndarray) -> dict[str, np.ndarray]:
    """One weight in the format sparse-bitmask, as compressed-tensors 0.14.0 writes it."""
    mask = weight != 0
    counts = mask.sum(axis=-1)
    return {
        "shape": np.array(weight.shape, dtype=np.int64),
        "compressed": weight[mask],
        "bitmask": np.packbits(mask, axis=-1, bitorder="little"),
        "row_offsets": counts.cumsum(axis=0) - counts,
    }


def bitmask_state() -> dict[str, torch.Tensor]:
    found = dict(make.pruned_network().state_dict())
    for name in make.SHAPES:
        parts = bitmask_parts(found.pop(f"{name}.weight").numpy())
        found |= {f"{name}.{part}": torch.from_numpy(value) for part, value in parts.items()}
    return found


def bitmask_folder(folder: Path) -> Path:
    config = {"format": "sparse-bitmask", "global_sparsity": 0.6, "targets": [], "ignore": []}
    quantization = {"quantization_config": {"sparsity_config": config}}
    (folder / "config.json").write_text(json.dumps(quantization))
    make.save_safetensors(bitmask_state(), folder / "model.safetensors")
    return folder


def shards(folder: Path, save: Callable, pattern: str, index: str) -> Path:
    """A folder of save_pretrained: every tensor in a shard of its own."""
    names, weight_map = state().keys(), {}
    tensors = make.pruned_network().state_dict()
    for place, name in enumerate(names, start=1):
        file = pattern.format(place, len(names))
        weight_map[name] = file
        save({name: tensors[name], f"{name}.unlisted": torch.ones(1)}, folder / file)
    content = {"metadata": {"total_size": 1}, "weight_map": weight_map}
    (folder / index).write_text(json.dumps(content))
    return folder


def safetensors_shards(folder: Path) -> Path:
    names = ("model-{:05}-of-{:05}.safetensors", "model.safetensors.index.json")
    return shards(folder, make.save_safetensors, *names)


def bin_shards(folder: Path) -> Path:
    names = ("pytorch_model-{:05}-of-{:05}.bin", "pytorch_model.bin.index.json")
    return shards(folder, make.save_zip, *names)


def npz(folder: Path, save: Callable = np.savez) -> Path:
    arrays = {name: tensor.numpy() for name, tensor in make.pruned_network().state_dict().items()}
    save(folder / "net.npz", **arrays)
    return folder / "net.npz"


def npz_masks(folder: Path) -> Path:
    arrays = {name: np.asfortranarray(mask.numpy()) for name, mask in make.masks().items()}
    np.savez_compressed(folder / "net.npz", **arrays)
    return folder / "net.npz"


def own(folder: Path) -> Path:
    load_masks(make.hooked_network()).save(folder / "net.masks")
    return folder / "net.masks"


PRODUCERS = {
    "torch prune": Producer(beside(lambda: make.hooked_network().state_dict()), "weight_mask"),
    "torch prune, legacy": Producer(
        lambda folder: make.save_legacy(make.hooked_network().state_dict(), folder / "net.pt"),
        "weight_mask",
    ),
    "torch prune, safetensors": Producer(
        lambda folder: make.save_safetensors(
            make.hooked_network().state_dict(), folder / "net.safetensors"
        ),
        "weight_mask",
    ),
    "plain zeros": Producer(beside(lambda: make.pruned_network().state_dict()), "zeros"),
    "sparsifier state": Producer(
        beside(lambda: sparsifier()[1].state_dict()), "sparsifier state", has_weights=False
    ),
    "sparsifier beside model": Producer(beside(with_sparsifier), "sparsifier state"),
    "parametrization": Producer(
        beside(lambda: make.parametrized_network().state_dict()), "parametrization mask"
    ),
    "sparsimony": Producer(beside(sparsimony), "parametrization mask"),
    "SynFlow": Producer(beside(make.buffered_state), "weight_mask"),
    "open_lth folder": Producer(open_lth_folder, "entry masks"),
    "open_lth PrunedModel": Producer(beside(open_lth_state), "mask_* buffer"),
    "sparse_learning": Producer(beside(lambda: buffers("{}.mask")), "mask"),
    "sparse_learning, below": Producer(beside(lambda: buffers("{}.weight.mask")), "mask"),
    "entry masks": Producer(
        beside(lambda: {"epoch": 1, "state_dict": state(), "masks": table()}), "entry masks"
    ),
    "rigl-reproducibility": Producer(beside(rigl_reproducibility), "entry mask.masks"),
    "rigl-torch": Producer(beside(rigl_torch), "list pruner.backward_masks"),
    "ProsPr folder": Producer(prospr_folder, "list masks"),
    "ProsPr buffers": Producer(beside(lambda: buffers("{}.keep_mask")), "keep_mask"),
    "bitmask folder": Producer(bitmask_folder, "bitmask"),
    "STR": Producer(beside(soft_thresholds), "sparseThreshold"),
    "ramanujan-on-pai": Producer(beside(table), "dict of masks", has_weights=False),
    "NNI folder": Producer(nni_folder, "entry masks"),
    "NNI masks": Producer(beside(nni_masks), "nested dict of masks", has_weights=False),
    "sparse COO": Producer(beside(sparse_layout), "stored entries (COO)"),
    "safetensors shards": Producer(safetensors_shards, "zeros"),
    "index of shards": Producer(
        lambda folder: safetensors_shards(folder) / "model.safetensors.index.json", "zeros"
    ),
    "bin shards": Producer(bin_shards, "zeros"),
    "npz": Producer(npz, "zeros"),
    "npz, compressed": Producer(lambda folder: npz(folder, np.savez_compressed), "zeros"),
    "npz of masks": Producer(npz_masks, "dict of masks", has_weights=False),
    "own": Producer(own, "weight_mask"),
}
