"""What the header of a GGUF file says of its model, read without its weights.

The layout is that of the specification in the ggml repository (docs/gguf.md), versions 2 and 3. A
header is another's text: no length in it is believed, so that none makes this read or keep much.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

MAGIC = b"GGUF"
_FORMS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_TEXT, _LIST = 8, 9
MOST_HEADER = 256 * 2**20  # bytes; vocabularies of 262,144 tokens take some 10 MB
MOST_ENTRIES = 100_000
MOST_TENSORS = 100_000
MOST_TEXTS = 2_000_000  # in all lists; each is a step of its own
MOST_NAME = 64 * 2**10  # bytes of a key
MOST_KEPT = 2**20  # bytes of a text; longer ones are passed over
MOST_KEPT_IN_ALL = 16 * 2**20  # bytes of names, texts and lists of numbers
MOST_LISTED = 4096  # numbers of a list; longer ones are passed over, such as the vocabulary's
_LARGEST = 2**40  # of a number that counts; larger ones are none

Value = int | float | bool | str | list[int]
Kind = Literal["model", "projector", "adapter", "embedding", "part"]


class NotGgufError(ValueError):
    """The file is no GGUF file, or its header is damaged; the message says which."""


@dataclass(frozen=True, slots=True)
class Header:
    """What a header says. bytes: of the whole file. entries: by key; long ones are left out.

    needed: the bytes that a whole file has at least, by where its last tensor begins. listed: how
    long each list is.
    """

    bytes: int
    entries: dict[str, Value]
    needed: int
    listed: dict[str, int]

    @property
    def architecture(self) -> str:
        """The name of the model's architecture; "" where none is said."""
        return str(self.entries.get("general.architecture", ""))

    @property
    def kind(self) -> Kind:
        """What the file is: only a model can be asked."""
        said = self.entries.get("general.type")
        if said == "adapter" or "adapter.type" in self.entries:
            return "adapter"
        if said in ("mmproj", "projector", "clip-vision") or self.architecture == "clip":
            return "projector"
        if self._number("split.count") > 1:
            return "part"
        causal = self.entries.get(f"{self.architecture}.attention.causal")
        pooled = self._number(f"{self.architecture}.pooling_type") > 0
        return "embedding" if pooled or causal is False else "model"

    @property
    def context(self) -> int | None:
        """The tokens that the model was trained to read; None where that is not said."""
        return self._number(f"{self.architecture}.context_length") or None

    @property
    def vocabulary(self) -> int:
        """How many tokens it knows; 0 where that is not said."""
        listed = self.listed.get("tokenizer.ggml.tokens", 0)
        return listed or self._number(f"{self.architecture}.vocab_size")

    @property
    def kv_bytes(self) -> int:
        """The bytes of cache for each token of context, with 16-bit keys and values.

        Layers x heads of keys and values x (length of a key + of a value) x 2. It is an upper
        bound for a model whose layers look at a window only, or keep no cache.
        """
        layers = self._of("block_count") - self._of("attention.shared_kv_layers")
        heads = self._numbers("attention.head_count")
        kept = self._numbers("attention.head_count_kv") or heads
        length = self._of("embedding_length") // (max(heads, default=0) or 1)
        key = self._of("attention.key_length") or length
        value = self._of("attention.value_length") or length
        all_heads = sum(kept) if len(kept) > 1 else max(0, layers) * sum(kept)
        return all_heads * (key + value) * 2

    def _of(self, name: str) -> int:
        return self._number(f"{self.architecture}.{name}")

    def _number(self, key: str) -> int:
        value = self.entries.get(key)
        fits = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _LARGEST
        return int(value) if fits else 0  # type: ignore[arg-type]

    def _numbers(self, name: str) -> list[int]:
        value = self.entries.get(f"{self.architecture}.{name}")
        if isinstance(value, list):
            return [each if 0 <= each < _LARGEST else 0 for each in value] or [0]
        return [number] if (number := self._of(name)) else []


def read_header(file: Path) -> Header:
    """Read the header of a GGUF file.

    Raises NotGgufError for another file or a damaged header, OSError where the file cannot be read.
    """
    with file.open("rb") as stream:
        return _Reader(stream, file.stat().st_size).header()


class _Reader:
    def __init__(self, stream: BinaryIO, size: int) -> None:
        self._stream, self._size = stream, size
        self._end = min(size, MOST_HEADER)
        self._listed: dict[str, int] = {}
        self._texts = 0
        self._room = MOST_KEPT_IN_ALL

    def header(self) -> Header:
        if self._bytes(4) != MAGIC:
            raise NotGgufError("it does not begin with GGUF")
        version = self._number("I")
        if version not in (2, 3):
            raise NotGgufError(f"its version is {version}, and 2 and 3 are known")
        tensors, entries = self._number("Q"), self._number("Q")
        if tensors > MOST_TENSORS or entries > MOST_ENTRIES:
            raise NotGgufError(f"it claims {entries:,} entries and {tensors:,} tensors")
        found: dict[str, Value] = {}
        for _ in range(entries):
            name = self._text(MOST_NAME)
            if name is None:
                raise NotGgufError("the name of an entry is too long")
            value = self._value(self._number("I"), name)
            if value is not None:
                found[name] = value
        return Header(self._size, found, self._needed(tensors, found), self._listed)

    def _needed(self, tensors: int, entries: dict[str, Value]) -> int:
        last = 0
        for _ in range(tensors):
            self._text(0)
            axes = self._number("I")
            if axes > 8:
                raise NotGgufError(f"a tensor has {axes:,} axes")
            self._pass(8 * axes + 4)
            last = max(last, self._number("Q"))
        alignment = entries.get("general.alignment", 32)
        step = alignment if type(alignment) is int and 0 < alignment <= 2**20 else 32
        # Where the last tensor begins; one byte of it at least.
        return -(-self._stream.tell() // step) * step + last + 1 if tensors else 0

    def _value(self, kind: int, name: str = "") -> Value | None:
        if kind == _TEXT:
            return self._text(MOST_KEPT)
        if kind == _LIST:
            return self._list(name)
        if kind not in _FORMS:
            raise NotGgufError(f"an entry is of type {kind}, which is not known")
        return self._number(_FORMS[kind])

    def _list(self, name: str) -> list[int] | None:
        of, many = self._number("I"), self._number("Q")
        # What is in a list takes a byte at least, a text 8.
        if many > self._left() or of == _LIST:
            raise NotGgufError(f"it claims a list of {many:,}")
        self._listed[name] = many
        if of == _TEXT:
            self._texts += many
            if self._texts > MOST_TEXTS:
                raise NotGgufError(f"it claims lists of {self._texts:,} texts")
            for _ in range(many):
                self._text(0)
            return None
        if of not in _FORMS:
            raise NotGgufError(f"a list is of type {of}, which is not known")
        size = many * struct.calcsize(_FORMS[of])
        if many > MOST_LISTED or _FORMS[of] in "fd" or not self._kept(size):
            self._pass(size)
            return None
        return [*map(int, struct.unpack(f"<{many}{_FORMS[of]}", self._bytes(size)))]

    def _text(self, most: int) -> str | None:
        """Read a text; pass over one of more bytes than ``most``, and return None."""
        size = self._number("Q")
        if size > most or not self._kept(size):
            self._pass(size)
            return None
        return self._bytes(size).decode("utf-8", "replace")

    def _kept(self, size: int) -> bool:
        """Whether there is room to keep so many bytes more; they are taken off it then."""
        fits = size <= self._room
        self._room -= size if fits else 0
        return fits

    def _number(self, form: str) -> int:
        [value] = struct.unpack(f"<{form}", self._bytes(struct.calcsize(form)))
        return value  # type: ignore[no-any-return]

    def _bytes(self, many: int) -> bytes:
        data = self._stream.read(many) if many <= self._left() else b""
        if len(data) != many:
            raise NotGgufError("its header is cut off")
        return data

    def _pass(self, many: int) -> None:
        if many > self._left():
            raise NotGgufError("its header is cut off")
        self._stream.seek(many, 1)

    def _left(self) -> int:
        return self._end - self._stream.tell()
