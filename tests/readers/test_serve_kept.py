"""What many ask for at once is made once, and nobody gets what is older than their question."""

from __future__ import annotations

import threading
from itertools import count

import pytest

from panel.readers.serve.kept import Kept
from tests.support.threads import wait_until


class Slow:
    """Something that takes until ``go`` is set; each time it is another number."""

    def __init__(self) -> None:
        self.go, self.began, self.at_once, self.most = threading.Event(), 0, 0, 0

    def make(self) -> int:
        """Make it."""
        self.began += 1
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        made = self.began
        assert self.go.wait(20)
        self.at_once -= 1
        return made


@pytest.mark.parametrize("states", ["the same", "always another", "nobody can tell"])
def test_many_who_ask_at_once_get_what_one_thread_makes(states: str) -> None:
    kept, slow, numbers, got = Kept[int](), Slow(), count(), list[int]()
    entered = threading.Semaphore(0)

    def state() -> object:
        entered.release()
        return {"the same": 1, "always another": next(numbers)}.get(states)

    def ask() -> None:
        got.append(kept.get(state, slow.make))

    threads = [threading.Thread(target=ask) for _ in range(20)]
    threads[0].start()
    wait_until(lambda: slow.began == 1)
    for thread in threads[1:]:
        thread.start()
    for _ in range(2 + 19):  # all have asked
        assert entered.acquire(timeout=20)
    slow.go.set()
    for thread in threads:
        thread.join(20)
    again = 0 if states == "the same" else 1  # began before the others asked, so they wait for it
    assert sorted(got) == [1] + [1 + again] * 19
    assert slow.began == 1 + again and slow.most == 1


def test_what_could_not_be_made_is_made_for_the_next_who_asks() -> None:
    kept = Kept[int]()

    def fail() -> int:
        raise OSError

    with pytest.raises(OSError):
        kept.get(lambda: 1, fail)
    assert kept.get(lambda: 1, lambda: 7) == 7
    assert kept.get(lambda: 1, fail) == 7
