"""Write a sharded checkpoint of 8 GB, half its weights zero, inspect it and analyse it.

The layers have the shapes of a decoder of four billion parameters, in bfloat16::

    python benchmarks/large_checkpoint.py FOLDER            # write, if it is not there, and time
    python benchmarks/large_checkpoint.py FOLDER --analyze  # its spectral metrics too: minutes
    python benchmarks/large_checkpoint.py FOLDER --remove   # and remove it afterwards

Times are of a child process each, with the files in the page cache: `cat` of all shards to
``/dev/null``, and ``masktopo inspect``. Memory is the child's peak resident set.
"""

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

HIDDEN, INNER, LAYERS, WORDS = 2560, 9728, 36, 151_936
KEYS_AND_VALUES, QUERIES = 1024, 4096
SHARD_BYTES = 2 * 10**9
POOL = 2**24 + 1


def shapes() -> Iterator[tuple[str, tuple[int, ...]]]:
    """Name the tensors of the decoder; the output shares the embedding."""
    yield "model.embed_tokens.weight", (WORDS, HIDDEN)
    for layer in range(LAYERS):
        home = f"model.layers.{layer}"
        for name, shape in (
            ("self_attn.q_proj", (QUERIES, HIDDEN)),
            ("self_attn.k_proj", (KEYS_AND_VALUES, HIDDEN)),
            ("self_attn.v_proj", (KEYS_AND_VALUES, HIDDEN)),
            ("self_attn.o_proj", (HIDDEN, QUERIES)),
            ("mlp.gate_proj", (INNER, HIDDEN)),
            ("mlp.up_proj", (INNER, HIDDEN)),
            ("mlp.down_proj", (HIDDEN, INNER)),
        ):
            yield f"{home}.{name}.weight", shape
        yield f"{home}.input_layernorm.weight", (HIDDEN,)
        yield f"{home}.post_attention_layernorm.weight", (HIDDEN,)
    yield "model.norm.weight", (HIDDEN,)


def pool() -> np.ndarray:
    """Draw bfloat16 numbers as raw bits: small, and zero in half of all places."""
    bits = np.random.default_rng(0).integers(0, 2**16, POOL, dtype=np.uint16)
    kept = (bits & 1).astype(bool)
    # Sign and fraction at random, with the exponent of numbers from 2**-7 to 2**-6.
    return np.where(kept, (bits & 0x807F) | (120 << 7), np.uint16(0))


def sharded() -> list[list[tuple[str, tuple[int, ...]]]]:
    """Divide the tensors among shards of at most `SHARD_BYTES`."""
    shards: list[list[tuple[str, tuple[int, ...]]]] = [[]]
    room = SHARD_BYTES
    for name, shape in shapes():
        need = 2 * int(np.prod(shape))
        if need > room:
            shards.append([])
            room = SHARD_BYTES
        shards[-1].append((name, shape))
        room -= need
    return shards


def write(folder: Path) -> None:
    """Write shards and index."""
    folder.mkdir(parents=True)
    numbers = pool()
    weight_map = {}
    shards = sharded()
    for place, tensors in enumerate(shards, start=1):
        file = f"model-{place:05}-of-{len(shards):05}.safetensors"
        weight_map |= dict.fromkeys((name for name, _ in tensors), file)
        write_shard(folder / file, tensors, numbers)
    index = {"metadata": {}, "weight_map": weight_map}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


def write_shard(
    path: Path, tensors: list[tuple[str, tuple[int, ...]]], numbers: np.ndarray
) -> None:
    """Write one file, tensor after tensor."""
    header, place = {}, 0
    for name, shape in tensors:
        end = place + 2 * int(np.prod(shape))
        header[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [place, end]}
        place = end
    text = json.dumps(header).encode()
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for _, shape in tensors:
            # The same numbers again and again: zeros are counted in all of them.
            left = int(np.prod(shape))
            while left:
                file.write(numbers[:left].data)
                left -= min(left, numbers.size)


def timed(command: list[str]) -> tuple[float, float, float]:
    """Run a command; return seconds, seconds of processor time, and GB of peak memory."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as child:
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - started
    if child.returncode:
        raise SystemExit(f"{command[0]} failed with {child.returncode}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return seconds, spent, usage.ru_maxrss / 2**20


def show(name: str, command: list[str]) -> None:
    """Run a command, and print what it took."""
    seconds, spent, memory = timed(command)
    print(f"{name:8} {seconds:6.2f} s  CPU {spent:6.2f} s  peak {memory:5.2f} GB", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="Inspect a checkpoint of 8 GB.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--threads", default="2")
    parser.add_argument("--analyze", action="store_true")
    parser.add_argument("--remove", action="store_true")
    arguments = parser.parse_args()
    if not arguments.folder.exists():
        write(arguments.folder)
    shards = sorted(map(str, arguments.folder.glob("*.safetensors")))
    size = sum(Path(shard).stat().st_size for shard in shards)
    print(f"{len(shards)} shards, {size / 1e9:.2f} GB")
    last = [str(arguments.folder), "--threads", arguments.threads]
    masktopo = [sys.executable, "-m", "masktopo"]
    for _ in range(2):
        show("cat", ["cat", *shards])
        show("inspect", [*masktopo, "inspect", *last])
    if arguments.analyze:
        show("analyze", [*masktopo, "analyze", "--metrics", "spectral", *last])
    if arguments.remove:
        shutil.rmtree(arguments.folder)


if __name__ == "__main__":
    main()
