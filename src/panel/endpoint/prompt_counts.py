"""What a server's count of a prompt's tokens is worth, and whether it cut the prompt.

A small count has two causes. A server whose window is too small drops the rest without saying
so, and its answer is no verdict. Others (Ollama 0.30, some gateways) count only what was not in
their cache, which an earlier run may have filled. So a count alone convicts nobody: it must be
what a window leaves, and no prompt before may have begun like this one.
"""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass, field, replace

from panel.endpoint.usage import TokenUsage
from panel.workspace.prompts import Messages

SMALLEST_WINDOW = 128  # tokens; a count below it comes from no window, but from a stub or a cache
SMALLEST_SERVED = 1000  # tokens; no prompt and answer fit into less, and stubs say 500 or 512
SURE_AFTER = 3  # counts that held what was cached, after which the server is known to count that
_MOST = 4  # how many times its fewest tokens a text may have
REMEMBERED = 64  # prompts whose beginnings a server may still have in its cache


def fewest_tokens(messages: Messages) -> int:
    """Return the least number of tokens that any tokenizer makes of these messages.

    Prose has 4 to 5 characters per token, with large vocabularies in other alphabets too. No
    text reaches 7, unless it is made of repetitions, which are counted once. Characters from
    the CJK blocks up are words or syllables. A server that read fewer tokens did not read all.
    """
    return _fewest(_joined(messages))


def _joined(messages: Messages) -> str:
    return "\n".join(content for _role, content in messages)


def _fewest(text: str) -> int:
    text = re.sub(r"(\W)\1+", r"\1", text)
    wide = 0 if text.isascii() else sum(character >= "\u2e80" for character in text)
    return (len(text) - wide) // 7 + wide // 4


@dataclass(slots=True)
class PromptCounts:
    """The prompts that one endpoint has read, and how it counts them.

    window: the server's context window in tokens, None where it does not tell. unbelieved: how
    many counts were left out, since they cannot be of the whole prompt.
    """

    window: int | None = None
    unbelieved: int = 0
    _read: deque[Messages] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    _cuts: set[int] = field(default_factory=set)
    _whole: int = 0  # counts that held more than what was new in their prompts

    def judge(self, messages: Messages, usage: TokenUsage) -> tuple[TokenUsage, str | None]:
        """Return the usage without a count that is not of the whole prompt, and what was cut.

        The second is one sentence where the server cannot have read the whole prompt, else None.
        """
        judged = self._judge(messages, usage)
        self._read.append(messages)  # the server may have its beginning in its cache from now on
        return judged

    def _judge(self, messages: Messages, usage: TokenUsage) -> tuple[TokenUsage, str | None]:
        read, characters = usage.prompt_tokens, sum(len(text) for _role, text in messages)
        if not read:
            return usage, None
        # Counting the fewest tokens is slow, and never gives more than this.
        most = characters // (7 if all(text.isascii() for _role, text in messages) else 4)
        least = 0 if read >= most + 1 else fewest_tokens(messages)
        if read + (usage.cached_tokens or 0) >= least:
            if self._whole < SURE_AFTER and _MOST * self._fresh(messages) < read:
                self._whole += 1
            return usage, None
        if self._cut(messages, usage, read, least):
            self._cuts.add(read)
            return usage, (
                f"the server read {read:,} tokens of a prompt of at least {least:,}: its context "
                "window is too small, and it dropped the rest without saying so"
            )
        self.unbelieved += 1
        return replace(usage, prompt_tokens=None), None

    def _cut(self, messages: Messages, usage: TokenUsage, read: int, least: int) -> bool:
        if read < SMALLEST_WINDOW:
            return False
        if self.window is not None and self.window < least:
            return True
        if any(abs(read - cut) <= 2 for cut in self._cuts):  # the window is known by now
            return True
        if read + 2 < SMALLEST_SERVED:
            return False
        # Where cached tokens are counted or told, a beginning read before explains nothing.
        counted = self._whole >= SURE_AFTER and not self.unbelieved
        unexplained = counted or bool(usage.cached_tokens) or self._fresh(messages) > read
        return unexplained and _fills_a_window(read)

    def _fresh(self, messages: Messages) -> int:
        """Return the fewest tokens of what no prompt before it begins with."""
        text = _joined(messages)
        shared = (_shared(text, _joined(other)) for other in self._read)
        return _fewest(text[max(shared, default=0) :])


def _fills_a_window(read: int) -> bool:
    """Whether a count is what a cut leaves: a window, or half of one and a few marks.

    Windows are powers of two or multiples of 1,000 or 1,024. Ollama keeps half of its own and
    two tokens, 2,050 of 4,096. By chance a count is one of these in 3 of 100 cases.
    """
    power = max(256, 1 << (read + 2).bit_length() - 1)
    rests = (read - power, *((read + 2) % step - 2 for step in (500, 512)))
    return any(-2 <= rest <= 4 for rest in rests)


def _shared(one: str, other: str) -> int:
    """Return how many characters two texts begin with alike."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one.startswith(other[:middle]):
            low = middle
        else:
            high = middle - 1
    return low
