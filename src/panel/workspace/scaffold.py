"""Makes a workspace from the files shipped with the program, and the folder of its runs."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

from panel.errors import UsageError

PARTS = (
    *("panel.toml", "personas", "prompts", "tools", "experiments"),
    *("runs/.gitignore", "verdicts/.gitattributes"),
)
SAMPLES = ("tools", "experiments")
# The sample tools that exist, by their slugs; the others were invented for the samples.
NOT_INVENTED = {
    "codestral-2-0": "Codestral 2.0",
    "mistral-8x22b-instruct-v2": "Mistral 8x22B Instruct v2",
}
KEPT = Path("tools/.gitkeep")
IGNORE = Path(".gitignore")
IGNORED = """\
# What git should not keep. Add public/ if the site is built elsewhere, in CI say; if the host
# serves it from this repository, leave it out.
digests/
preview/
*.token
.env
"""


def shipped() -> Path:
    """Return the folder of the sample workspace: inside the wheel, or the checkout's root."""
    package = Path(__file__).parents[1]
    packed = package / "_workspace"
    return packed if packed.is_dir() else package.parents[1]


def make_runs(runs: Path) -> None:
    """Make the folder of journals and of the database, for its owner alone; one there is left.

    What models were shown and said, and editors decided, is not for every user of the machine.
    The files in it have the usual rights: who opens the folder to a group has opened them.
    """
    runs.mkdir(mode=0o700, parents=True, exist_ok=True)


def others_can_read(runs: Path) -> bool:
    """Whether users outside the owner's group can read what runs have asked and answered."""
    if os.name == "nt" or not any(runs.glob("*/attempts.jsonl*")):
        return False
    return bool(runs.stat().st_mode & stat.S_IXOTH)


def create(target: Path, empty: bool = False) -> list[Path]:
    """Copy the sample workspace to ``target``; return the files written, relative to it.

    empty: without the sample tools and what is about them; git keeps the folder of tools by a file
    of no length. A .gitignore that is there stays as it is.

    Raises UsageError, and writes nothing, where a file of the same name exists already.
    """
    source = shipped()
    files = [
        file.relative_to(source)
        for part in PARTS
        if not (empty and part in SAMPLES)
        for file in sorted([source / part, *(source / part).rglob("*")])
        if file.is_file()
    ]
    if empty:
        files.append(KEPT)
    taken = [file for file in files if os.path.lexists(target / file)]
    if taken:
        named = ", ".join(str(file) for file in taken[:3])
        more = f" and {len(taken) - 3} more" if len(taken) > 3 else ""
        raise UsageError(
            f"{target} already holds {named}{more}. Nothing was written; choose an empty folder."
        )
    folders = {folder for file in files for folder in (target / file).parents}
    for folder in sorted(folders):
        if os.path.lexists(folder) and not folder.is_dir():
            raise UsageError(f"{folder} is a file. Nothing was written; name another folder.")
        if folder.is_symlink() and folder.is_relative_to(target) and folder != target:
            raise UsageError(f"{folder} is a link. Nothing was written; choose an empty folder.")
    try:
        make_runs(target / "runs")
        for file in files:
            (target / file).parent.mkdir(parents=True, exist_ok=True)
            if file == KEPT:
                (target / file).touch()
            else:
                shutil.copyfile(source / file, target / file)
        if not os.path.lexists(target / IGNORE):
            (target / IGNORE).write_text(IGNORED, encoding="utf-8")
            files.append(IGNORE)
    except OSError as error:
        raise UsageError(
            f"{error.filename} cannot be written: {error.strerror}. Name another folder."
        ) from None
    return files
