"""Cuts a model file down to its first layer: the same tokens, at a small part of the work.

What a server finds in its cache depends on the tokens of the prompts alone. What a model with one
layer of thirty writes is nonsense, and takes a thirtieth of the time.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

_FIXED = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}  # bytes by type
_TEXT, _LIST = 8, 9


class _Reader:
    """Reads a GGUF file front to back, as its specification in the ggml repository lays it out."""

    def __init__(self, data: bytes) -> None:
        self.data, self.place = data, 0

    def number(self, form: str) -> Any:
        [value] = struct.unpack_from(f"<{form}", self.data, self.place)
        self.place += struct.calcsize(f"<{form}")
        return value

    def text(self) -> bytes:
        size = self.number("Q")
        self.place += size
        return self.data[self.place - size : self.place]

    def skip(self, kind: int) -> None:
        if kind == _TEXT:
            self.text()
        elif kind == _LIST:
            of, many = self.number("I"), self.number("Q")
            for _ in range(many if of in (_TEXT, _LIST) else 0):
                self.skip(of)
            self.place += _FIXED.get(of, 0) * many
        else:
            self.place += _FIXED[kind]


def cut_to_one_layer(weights: Path, file: Path) -> None:
    """Write the model of ``weights`` to ``file`` with its first layer only."""
    reader = _Reader(weights.read_bytes())
    assert reader.data[:4] == b"GGUF"
    reader.place = 8
    tensors, entries = reader.number("Q"), reader.number("Q")
    head, alignment = bytearray(), 32
    for _ in range(entries):
        begin, name, kind, value = reader.place, reader.text(), reader.number("I"), reader.place
        reader.skip(kind)
        if name == b"general.alignment":
            alignment = struct.unpack_from("<I", reader.data, value)[0]
        end = value if name.endswith(b".block_count") else reader.place
        head += reader.data[begin:end]
        if end == value:
            head += struct.pack("<I", 1)
    described = []
    for _ in range(tensors):
        begin, name, axes = reader.place, reader.text(), reader.number("I")
        reader.place += 8 * axes + 4
        described.append((name, reader.data[begin : reader.place], reader.number("Q")))
    start = _aligned(reader.place, alignment)
    offsets = sorted(offset for _name, _head, offset in described)
    following = dict(zip(offsets, [*offsets[1:], len(reader.data) - start], strict=True))
    out, body = bytearray(), bytearray()
    kept = [each for each in described if not each[0].startswith(b"blk.") or b"blk.0." in each[0]]
    for _name, description, offset in kept:
        out += description + struct.pack("<Q", len(body))
        body += reader.data[start + offset : start + following[offset]]
        body += bytes(_aligned(len(body), alignment) - len(body))
    whole = reader.data[:8] + struct.pack("<QQ", len(kept), entries) + head + out
    file.write_bytes(whole + bytes(_aligned(len(whole), alignment) - len(whole)) + body)


def _aligned(size: int, alignment: int) -> int:
    return -(-size // alignment) * alignment
