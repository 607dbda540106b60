"""GGUF files of a test's own making: a header of any entries, and no weights worth the name."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

LLAMA: dict[str, Any] = {
    "general.architecture": "llama",
    "general.type": "model",
    "llama.block_count": 26,
    "llama.context_length": 4096,
    "llama.embedding_length": 3072,
    "llama.attention.head_count": 32,
    "llama.attention.head_count_kv": 8,
    "llama.attention.key_length": 128,
    "llama.attention.value_length": 128,
    "llama.vocab_size": 131_072,
}


def gguf_bytes(entries: Mapping[str, Any], tensors: int = 0, version: int = 3) -> bytes:
    """Return a file with these entries and so many tensors of 32 numbers each, which are whole."""
    head = b"GGUF" + struct.pack("<IQQ", version, tensors, len(entries))
    for name, value in entries.items():
        head += _text(name) + _value(value)
    for number in range(tensors):
        head += _text(f"blk.{number}.w") + struct.pack("<IQIQ", 1, 32, 0, 128 * number)
    return head + bytes(-len(head) % 32) + bytes(128 * tensors)


def gguf_file(file: Path, entries: Mapping[str, Any], tensors: int = 1, size: int = 0) -> Path:
    """Write such a file; size: how large it claims to be, by a hole at its end."""
    file.write_bytes(gguf_bytes(entries, tensors))
    if size:
        with file.open("rb+") as stream:
            stream.truncate(size)
    return file


def _value(value: Any) -> bytes:
    if isinstance(value, bool):
        return struct.pack("<I?", 7, value)
    if isinstance(value, int):
        return struct.pack("<IQ", 10, value)
    if isinstance(value, float):
        return struct.pack("<Id", 12, value)
    if isinstance(value, str):
        return struct.pack("<I", 8) + _text(value)
    inner = [_value(each) for each in value]
    kind = inner[0][:4] if inner else struct.pack("<I", 4)
    return (
        struct.pack("<I", 9) + kind + struct.pack("<Q", len(inner)) + b"".join(i[4:] for i in inner)
    )


def _text(text: str) -> bytes:
    data = text.encode()
    return struct.pack("<Q", len(data)) + data
