"""Makes a workspace from the files shipped with the program."""

from __future__ import annotations

import shutil
from pathlib import Path

from panel.errors import UsageError

PARTS = ("panel.toml", "personas", "prompts", "tools", "runs/.gitignore", "verdicts/.gitattributes")


def shipped() -> Path:
    """Return the folder of the sample workspace: inside the wheel, or the checkout's root."""
    package = Path(__file__).parents[1]
    packed = package / "_workspace"
    return packed if packed.is_dir() else package.parents[1]


def create(target: Path) -> list[Path]:
    """Copy the sample workspace to ``target``; return the files written, relative to it.

    Raises UsageError, and writes nothing, where a file of the same name exists already.
    """
    source = shipped()
    files = [
        file.relative_to(source)
        for part in PARTS
        for file in sorted([source / part, *(source / part).rglob("*")])
        if file.is_file()
    ]
    taken = [file for file in files if (target / file).exists()]
    if taken:
        named = ", ".join(str(file) for file in taken[:3])
        more = f" and {len(taken) - 3} more" if len(taken) > 3 else ""
        raise UsageError(
            f"{target} already holds {named}{more}. Nothing was written; choose an empty folder."
        )
    folders = {folder for file in files for folder in (target / file).parents}
    for folder in sorted(folders):
        if folder.exists() and not folder.is_dir():
            raise UsageError(f"{folder} is a file. Nothing was written; name another folder.")
    try:
        for file in files:
            (target / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source / file, target / file)
    except OSError as error:
        raise UsageError(
            f"{error.filename} cannot be written: {error.strerror}. Name another folder."
        ) from None
    return files
