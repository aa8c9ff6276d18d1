"""Ways to damage a file, from a flipped bit to a forged header with a right checksum.

Each takes the bytes of a file and a generator, and gives other bytes, or None where the file is
of no kind that it can forge.
"""

import hashlib
import io
import json
import re
import struct
import warnings
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from tests.masks import checkpoints as make

__all__ = ["MUTATIONS", "Mutation"]

Mutation = Callable[[bytes, np.random.Generator], bytes | None]

HUGE = [0, 1, 2**31 - 1, 2**32, 2**40, 2**62, 2**63 - 1, 2**64, -1]


def _place(data: bytes, rng: np.random.Generator) -> int:
    """A place in the file, often near its beginning or end, where headers are."""
    span = int(rng.choice([64, 1024, len(data)]))
    near = int(rng.integers(min(span, len(data))))
    return near if rng.random() < 0.7 else len(data) - 1 - near


def flip_bits(data: bytes, rng: np.random.Generator) -> bytes:
    changed = bytearray(data)
    for _ in range(int(rng.integers(1, 9))):
        changed[_place(data, rng)] ^= 1 << int(rng.integers(8))
    return bytes(changed)


def truncate(data: bytes, rng: np.random.Generator) -> bytes:
    return data[: _place(data, rng)]


def overwrite(data: bytes, rng: np.random.Generator) -> bytes:
    place, size = _place(data, rng), int(rng.integers(1, 17))
    fill = [bytes(size), b"\xff" * size, rng.bytes(size), b"\x7f" * size][int(rng.integers(4))]
    return data[:place] + fill + data[place + size :]


def repeat(data: bytes, rng: np.random.Generator) -> bytes:
    first, last = sorted((_place(data, rng), _place(data, rng)))
    return data[:last] + data[first:last] * int(rng.integers(1, 4)) + data[last:]


def cut_out(data: bytes, rng: np.random.Generator) -> bytes:
    first, last = sorted((_place(data, rng), _place(data, rng)))
    return data[:first] + data[last:]


def nines(data: bytes, rng: np.random.Generator) -> bytes | None:
    """Turn a written number into one of as many nines."""
    runs = list(re.finditer(rb"\d+", data))
    if not runs:
        return None
    run = runs[int(rng.integers(len(runs)))]
    return data[: run.start()] + b"9" * len(run[0]) + data[run.end() :]


def _changed_header(header: dict[str, Any], rng: np.random.Generator) -> bytes:
    """Change one value somewhere in a header of JSON."""
    text = json.dumps(header)
    numbers = list(re.finditer(r"\d+", text))
    choice = int(rng.integers(5))
    if choice == 0 and numbers:
        run = numbers[int(rng.integers(len(numbers)))]
        text = text[: run.start()] + str(rng.choice(HUGE)) + text[run.end() :]
    elif choice == 1:
        text = text.replace("[", "[" * int(rng.integers(2, 2000)), 1)
    elif choice == 2:
        names = list(header)
        text = text[:-1] + f', "{names[int(rng.integers(len(names)))]}": {{}}}}'
    elif choice == 3:
        for old, new in (("F32", "F64"), ("float32", "float64"), ("linear", "conv2d")):
            text = text.replace(old, new, 1)
    else:
        text = text.replace(":", ": null,", 1) if rng.random() < 0.5 else "[" + text + "]"
    return text.encode()


def forge_safetensors(data: bytes, rng: np.random.Generator) -> bytes | None:
    """Write another header, with its right length."""
    length = int.from_bytes(data[:8], "little")
    if data[8:9] != b"{" or length > len(data):
        return None
    header = _changed_header(json.loads(data[8 : 8 + length]), rng)
    return len(header).to_bytes(8, "little") + header + data[8 + length :]


def forge_own(data: bytes, rng: np.random.Generator) -> bytes | None:
    """Write another header or payload, with a right checksum."""
    if not data.startswith(b"\x89MTMASK\n"):
        return None
    (length,) = struct.unpack_from("<I", data, 12)
    header = _changed_header(json.loads(data[16 : 16 + length]), rng)
    body = data[:12] + struct.pack("<I", len(header)) + header + data[16 + length : -32]
    return body + hashlib.sha256(body).digest()


def forge_index(data: bytes, rng: np.random.Generator) -> bytes | None:
    return _changed_header(json.loads(data), rng) if data[:1] == b"{" else None


def forge_archive(data: bytes, rng: np.random.Generator) -> bytes | None:
    """Damage one member of an archive and pack all anew, so that its checksums are right."""
    if not data.startswith(b"PK"):
        return None
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = [(info.filename, archive.read(info)) for info in archive.infolist()]
    place = int(rng.integers(len(members)))
    name, content = members[place]
    if content:
        change = (flip_bits, truncate, overwrite, repeat, nines)[int(rng.integers(5))]
        members[place] = (name, change(content, rng) or content)
    compression = zipfile.ZIP_DEFLATED if rng.random() < 0.2 else zipfile.ZIP_STORED
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for each, content in members:
            archive.writestr(each, content)
        if rng.random() < 0.2:
            # Written in place of the name of another member, so that zipfile does not warn.
            archive.writestr(f"{members[0][0][:-1]}~", content)
    twice = members[0][0].encode()
    return buffer.getvalue().replace(twice[:-1] + b"~", twice)


def bomb(data: bytes, rng: np.random.Generator) -> bytes | None:
    """Pack megabytes of zeros into an archive of kilobytes."""
    if not data.startswith(b"PK"):
        return None
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(buffer, "w") as new:
        members = old.infolist()
        swollen = members[int(rng.integers(len(members)))]
        for info in members:
            extra = bytes(int(rng.integers(1, 100)) * 2**20) if info is swollen else b""
            content = old.read(info) + extra
            new.writestr(info.filename, content, zipfile.ZIP_DEFLATED, compresslevel=1)
    return buffer.getvalue()


def forge_tree(_: bytes, rng: np.random.Generator) -> bytes:
    """Save tensors of wrong shapes and types, sparse, repeated, nested and tied to themselves."""
    build = (make.hooked_network, make.pruned_network)[int(rng.integers(2))]
    state: dict[Any, Any] = dict(build().state_dict())
    weight = make.network().fc.weight.detach()
    side = int(rng.choice([2, 100, 2000, 3000, 10**5, 10**9]))
    forged = [
        lambda: torch.zeros(1).expand(side, side),
        lambda: make.sparse(side),
        lambda: torch.empty(side, side, device="meta"),
        lambda: weight[:, ::2],
        lambda: weight.t(),
        lambda: weight.to(torch.complex64),
        lambda: torch.quantize_per_tensor(weight, 0.1, 0, torch.qint8),
        lambda: weight.to(torch.float8_e4m3fn),
        lambda: np.full((2, 2), np.nan),
        lambda: {"fc.weight": [1, 2]},
        lambda: [None, weight, weight],
        lambda: torch.ones((1,) * 9),
        lambda: torch.zeros(0, 3),
        lambda: state,
        lambda: "text",
    ]
    entries = "masks mask state_dict pruner sparsifier state groups model fc.weight fc.mask"
    parts = "fc.sparseThreshold fc.bitmask fc.shape fc.compressed"
    keys = [*state, *entries.split(), *parts.split()]
    for _ in range(int(rng.integers(1, 4))):
        key = keys[int(rng.integers(len(keys)))]
        # Torch warns of quantised tensors, which it is to drop.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            state[key] = forged[int(rng.integers(len(forged)))]()
        if rng.random() < 0.3:
            state.pop(keys[int(rng.integers(len(keys)))], None)
    buffer = io.BytesIO()
    torch.save(state, buffer, _use_new_zipfile_serialization=bool(rng.random() < 0.8))
    return buffer.getvalue()


MUTATIONS: dict[str, Mutation] = {
    function.__name__: function
    for function in (
        flip_bits,
        truncate,
        overwrite,
        repeat,
        cut_out,
        nines,
        forge_safetensors,
        forge_own,
        forge_index,
        forge_archive,
        bomb,
        forge_tree,
    )
}
