"""Model files are looked at before llama.cpp loads them: their headers, and the room they need."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from panel.endpoint import machine, model_files
from panel.endpoint.gguf import (
    MOST_KEPT,
    MOST_KEPT_IN_ALL,
    MOST_LISTED,
    NotGgufError,
    read_header,
)
from panel.endpoint.machine import memory_available, memory_needed, memory_total
from panel.endpoint.model_files import check_model, check_room
from panel.errors import EndpointError
from panel.workspace.catalogue import CATALOGUE
from panel.workspace.endpoints import Endpoint
from panel.workspace.presets import EMBEDDED_MODEL
from tests.support.gguf_files import LLAMA, gguf_bytes, gguf_file

ENTRIES = st.dictionaries(
    st.text(max_size=12),
    st.one_of(
        st.integers(0, 2**64 - 1),
        st.booleans(),
        st.floats(),
        st.text(max_size=40),
        st.lists(st.integers(0, 2**64 - 1), max_size=5),
        st.lists(st.text(max_size=9), min_size=1, max_size=5),
    ),
    max_size=6,
)


def asked(slots: int = 1) -> Endpoint:
    return Endpoint("embedded", "embedded", None, "big", concurrency=slots)


# --- headers ---------------------------------------------------------------------------------


def test_the_header_of_the_demonstration_model_agrees_with_the_catalogue() -> None:
    header, pin = read_header(CATALOGUE[EMBEDDED_MODEL].path), CATALOGUE[EMBEDDED_MODEL]
    assert (header.architecture, header.kind, header.context) == ("llama", "model", 8192)
    assert (header.bytes, header.kv_bytes, header.vocabulary) == (
        pin.bytes,
        pin.kv_bytes,
        pin.vocabulary,
    )
    assert header.bytes - 4096 < header.needed <= header.bytes


@given(entries=ENTRIES, tensors=st.integers(0, 3))
def test_what_was_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, entries: dict[str, Any], tensors: int
) -> None:
    file = tmp_path_factory.mktemp("gguf") / "a.gguf"
    file.write_bytes(gguf_bytes(entries, tensors))
    header = read_header(file)
    for name, value in entries.items():
        if isinstance(value, float) and value != value:
            assert header.entries[name] != header.entries[name]
        elif isinstance(value, list) and value and isinstance(value[0], str):
            assert header.listed[name] == len(value) and name not in header.entries
        else:
            assert header.entries[name] == value
    assert header.needed <= header.bytes


@given(st.data())
def test_a_damaged_header_is_read_or_refused_and_nothing_else(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    file = tmp_path_factory.mktemp("gguf") / "a.gguf"
    whole = bytearray(gguf_bytes(data.draw(ENTRIES), 2))
    for _ in range(data.draw(st.integers(0, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    file.write_bytes(whole[: data.draw(st.integers(0, len(whole)))])
    try:
        header = read_header(file)
    except NotGgufError:
        return
    assert header.kv_bytes >= 0 and header.vocabulary >= 0 and header.needed >= 0
    assert header.kind and (header.context is None or header.context > 0)


HUGE = struct.pack("<Q", 2**62)


@pytest.mark.parametrize(
    "head",
    [
        b"GGUF" + struct.pack("<I", 3) + HUGE + HUGE,
        b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + HUGE,
        b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 1) + b"k" + struct.pack("<I", 8) + HUGE,
        b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 1) + b"k" + struct.pack("<II", 9, 4) + HUGE,
        b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 1) + b"k" + struct.pack("<II", 9, 9) + HUGE,
        b"GGUF" + struct.pack("<IQQ", 9, 0, 0),
        b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 1) + b"k" + struct.pack("<IIQ", 9, 8, 9_000_000),
        b"FUGG",
        b"",
    ],
)
def test_a_header_that_claims_too_much_makes_nothing_large(tmp_path: Path, head: bytes) -> None:
    file = tmp_path / "a.gguf"
    file.write_bytes(head + bytes(10_000))
    with pytest.raises(NotGgufError):
        read_header(file)


@pytest.mark.slow
@pytest.mark.parametrize("value", ["x" * MOST_KEPT, [7] * MOST_LISTED])
def test_of_many_long_entries_a_bounded_part_is_kept(tmp_path: Path, value: Any) -> None:
    many = 2 * MOST_KEPT_IN_ALL // (len(value) * (8 if isinstance(value, list) else 1))
    entries = {f"k{number}": value for number in range(many)}
    header = read_header(gguf_file(tmp_path / "a.gguf", LLAMA | entries))
    assert many // 3 < len(header.entries) < many and header.context == 4096


def test_a_text_too_long_to_be_of_use_is_passed_over(tmp_path: Path) -> None:
    file = gguf_file(
        tmp_path / "a.gguf", LLAMA | {"tokenizer.chat_template": "x" * (MOST_KEPT + 1)}
    )
    header = read_header(file)
    assert "tokenizer.chat_template" not in header.entries and header.context == 4096


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ({}, 26 * 8 * 256 * 2),
        ({"llama.attention.head_count_kv": [0, 4, 4]}, 8 * 256 * 2),
        ({"llama.attention.shared_kv_layers": 6}, 20 * 8 * 256 * 2),
        ({"llama.attention.key_length": 0, "llama.attention.value_length": 0}, 26 * 8 * 192 * 2),
        ({"llama.attention.head_count": 2**63}, 26 * 8 * 256 * 2),
        ({"llama.block_count": "many"}, 0),
        ({"llama.attention.head_count": [0, 0]}, 26 * 8 * 256 * 2),
        ({"llama.attention.head_count": [2**63]}, 26 * 8 * 256 * 2),
    ],
)
def test_the_cache_of_a_token_is_worked_out_from_the_header(
    tmp_path: Path, entries: dict[str, Any], expected: int
) -> None:
    assert read_header(gguf_file(tmp_path / "a.gguf", LLAMA | entries)).kv_bytes == expected


# --- files that are no models ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ({"general.architecture": "clip", "general.type": "mmproj"}, "sees pictures with"),
        ({"general.type": "adapter", "adapter.type": "lora"}, "is an adapter"),
        ({"general.architecture": "bert", "bert.pooling_type": 1}, "model of embeddings"),
        ({"general.architecture": "bert", "bert.attention.causal": False}, "model of embeddings"),
        ({"split.count": 3}, "one part of a model"),
    ],
)
def test_what_cannot_be_asked_is_said_to_be_what_it_is(
    tmp_path: Path, entries: dict[str, Any], said: str
) -> None:
    file = gguf_file(tmp_path / "a.gguf", LLAMA | entries)
    with pytest.raises(EndpointError, match=said) as raised:
        check_model(file)
    assert str(file) in str(raised.value) and "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("cut", "said"),
    [
        (lambda whole: whole[:-200], "is cut off: it has .* bytes"),
        (lambda whole: whole[:60], "its header is cut off"),
        (lambda _whole: b"<html>", "does not begin with GGUF. Is it a GGUF file"),
    ],
)
def test_a_broken_file_is_one_sentence(
    tmp_path: Path, cut: Callable[[bytes], bytes], said: str
) -> None:
    file = tmp_path / "a.gguf"
    file.write_bytes(cut(gguf_bytes(LLAMA, 3)))
    with pytest.raises(EndpointError, match=said):
        check_model(file)
    with pytest.raises(EndpointError, match="cannot be read: Is a directory"):
        check_model(tmp_path)


# --- room ------------------------------------------------------------------------------------

GIB = 2**30


def room(monkeypatch: pytest.MonkeyPatch, free: int) -> None:
    monkeypatch.setattr(model_files, "memory_available", lambda: free)


@pytest.mark.parametrize(
    ("free", "slots", "said"),
    [
        (3 * GIB, 4, "Set concurrency = 1"),
        (4 * GIB, 40, "Set concurrency = 1"),
        (2_850_000_000, 1, "Shorten the questions and set context = .*, or take a smaller model"),
        (2_700_000_000, 1, "Take a smaller model: --model smollm3-3b"),
        (2 * GIB, 1, "End other programs, or ask a model on another machine"),
    ],
)
def test_a_model_that_does_not_fit_says_what_would(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, slots: int, said: str
) -> None:
    room(monkeypatch, free)
    header = read_header(gguf_file(tmp_path / "a.gguf", LLAMA, size=2 * GIB))
    with pytest.raises(EndpointError, match=rf"big needs about .* {said}"):
        check_room(asked(slots), header, 4096)


def test_a_model_that_fits_is_not_complained_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    header = read_header(gguf_file(tmp_path / "a.gguf", LLAMA, size=2 * GIB))
    room(monkeypatch, memory_needed(2 * GIB, header.kv_bytes, header.vocabulary, 2 * 4096))
    check_room(asked(2), header, 4096)
    with pytest.raises(EndpointError):
        check_room(asked(3), header, 4096)


def machine_of(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


INFO = {"proc/meminfo": "MemTotal: 8000000 kB\nMemFree: 9 kB\nMemAvailable:    4000000 kB\n"}


@pytest.mark.parametrize(
    ("files", "free", "total"),
    [
        ({}, 4_096_000_000, None),
        (
            {
                "proc/self/cgroup": "0::/box/inner\n",
                "sys/fs/cgroup/box/memory.max": "2000000000\n",
                "sys/fs/cgroup/box/memory.current": "1500000000\n",
                "sys/fs/cgroup/box/memory.stat": "anon 1\ninactive_file 1000000000\n",
                "sys/fs/cgroup/box/inner/memory.max": "max\n",
            },
            1_500_000_000,
            2_000_000_000,
        ),
        (
            {
                "proc/self/cgroup": "9:cpu:/x\n4:memory:/box\n0::/\n",
                "sys/fs/cgroup/memory/box/memory.limit_in_bytes": "1000000000\n",
                "sys/fs/cgroup/memory/box/memory.usage_in_bytes": "400000000\n",
                "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
            },
            600_000_000,
            1_000_000_000,
        ),
        # In a container the group's own folder is the top one.
        (
            {
                "proc/self/cgroup": "0::/\n",
                "sys/fs/cgroup/memory.max": "3000000000\n",
                "sys/fs/cgroup/memory.current": "1000000000\n",
            },
            2_000_000_000,
            3_000_000_000,
        ),
    ],
)
def test_the_limit_of_a_container_counts(
    tmp_path: Path, files: dict[str, str], free: int, total: int | None
) -> None:
    root = machine_of(tmp_path, INFO | files)
    assert memory_available(root) == free
    assert total is None or memory_total(root) == total


def test_a_disk_is_that_of_the_folder_to_be(tmp_path: Path) -> None:
    """Others may be writing to it meanwhile."""
    free = machine.disk_free(tmp_path)
    assert machine.disk_free(tmp_path / "not" / "yet") == pytest.approx(free, rel=0.01)
