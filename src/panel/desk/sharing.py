"""Links to one preview that can be sent: signed, ending by themselves, and revoked all at once."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from panel.readers.community.secret import FILE, VARIABLE, Secret, load_secret
from panel.workspace.scaffold import make_runs
from panel.workspace.settings import state_folder

FOLDER = ".desk"  # in runs/; nobody but its owner may enter it
OWN = "desk"  # in the folder of the user's own state
PURPOSE = "desk preview"
DAYS = (1, 7, 30)
USUAL_DAYS = 7
DAY_SECONDS = 86_400
LONGEST = 2_000  # characters of a token


@dataclass(frozen=True, slots=True)
class SharedPage:
    """What a link shows: the words (approved or drafts) and what the page is about."""

    words: str
    about: str


class Sharing:
    """Makes and reads the links of a workspace, of all desks that one user opens over it."""

    def __init__(self, runs: Path, clock: Callable[[], float] = time.time) -> None:
        self._runs, self._folder, self._clock = runs, runs / FOLDER, clock

    def token(self, page: SharedPage, days: int) -> str:
        """Return the token of a link that lasts so many days; raises UsageError as load_secret."""
        make_runs(self._runs)
        text = json.dumps([page.words, page.about, days], ensure_ascii=False)
        return self._secret().sign(PURPOSE, text, self._clock())

    def read(self, token: str) -> SharedPage | None:
        """Return what a token shows; None for one that is not genuine, revoked or over."""
        if len(token) > LONGEST or not (self._folder / FILE).is_file():
            return None
        found = self._secret().read(PURPOSE, token)
        if found is None:
            return None
        words, about, days = json.loads(found[0])
        age = self._clock() - found[1]
        return SharedPage(words, about) if -DAY_SECONDS < age < days * DAY_SECONDS else None

    def _secret(self) -> Secret:
        """Return the workspace's secret, bound to one of this user.

        A workspace may come from somebody else, and bring the first of the two.
        """
        own = Path() if os.environ.get(VARIABLE) else state_folder() / OWN
        return load_secret(self._folder, {}).bound_to(load_secret(own, os.environ))

    def revoke(self) -> None:
        """End every link that was ever made."""
        (self._folder / FILE).unlink(missing_ok=True)
