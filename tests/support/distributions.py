"""The source distribution and the wheel: built from a copy of the checkout, installed, at work."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tarfile
import urllib.request
import venv
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from uv import find_uv_bin

from tests.support.git_repository import git
from tests.support.network_guard import GUARD
from tests.support.space import ROOT

# The guards around the network and the checkout, started with each Python of an environment.
GUARDS = {"sitecustomize.py": "panel_network_guard.py", "checkout_guard.py": "checkout_guard.py"}

AT_START = dict(os.environ)  # with the proxies and certificates that tests are kept from


def tracked() -> list[str]:
    """Return the files that git has of this checkout, by their paths."""
    return [name for name in git(ROOT, "ls-files", "-z").split("\0") if (ROOT / name).is_file()]


def copy_checkout(target: Path, *names: str) -> Path:
    """Copy the tracked files (or those named) as they are now, without git; return the folder."""
    for name in names or tracked():
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, target / name)
    return target


def build(tree: Path, target: Path) -> tuple[Path, Path]:
    """Build both from a folder as `make dist` does; return source distribution and wheel."""
    command = [sys.executable, "-m", "hatchling", "build", "-d", str(target)]
    subprocess.run(command, cwd=tree, check=True, capture_output=True)
    [source] = target.glob("*.tar.gz")
    [wheel] = target.glob("*.whl")
    return source, wheel


def contents(archive: Path) -> dict[str, bytes]:
    """Return the files of a wheel or a source distribution, the latter without its folder."""
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as pack:
            return {name: pack.read(name) for name in pack.namelist()}
    with tarfile.open(archive) as tar:
        files = {each.name: tar.extractfile(each) for each in tar.getmembers() if each.isfile()}
        return {name.partition("/")[2]: file.read() for name, file in files.items() if file}


@dataclass
class Installed:
    """The program in an environment of its own, which cannot open a file of the checkout.

    libraries: folders that its Python finds its libraries in, besides its own. before: words
    put before each command line.
    """

    environment: Path
    home: Path
    log: Path
    libraries: list[str] = field(default_factory=list)
    before: list[str] = field(default_factory=list)

    @property
    def python(self) -> Path:
        """Its Python."""
        return self.environment / "bin" / "python"

    def variables(self) -> dict[str, str]:
        """Return the environment variables of its programs: nothing leads to the checkout."""
        kept = {name: value for name, value in os.environ.items() if str(ROOT) not in value}
        kept.pop("PYTHONDONTWRITEBYTECODE", None)
        path = [each for each in os.get_exec_path() if not each.startswith(str(ROOT))]
        guards = {
            "PANEL_TEST_CHECKOUT": str(ROOT),
            "PANEL_TEST_LIBRARIES": os.pathsep.join(self.libraries),
            "PANEL_TEST_GUARD_LOG": str(self.log),
        }
        return {**kept, **guards, "PATH": os.pathsep.join(path), "HOME": str(self.home)}

    def prepare(self) -> None:
        """Have each of its Pythons start with the guards, and find the libraries."""
        where = [str(self.python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
        asked = subprocess.run(where, check=True, capture_output=True, text=True)
        folder = Path(asked.stdout.strip())
        for name, there in GUARDS.items():
            shutil.copy(GUARD / name, folder / there)
        started = "import " + ", ".join(name.removesuffix(".py") for name in GUARDS.values())
        (folder / "guards.pth").write_text("\n".join([started, *self.libraries]))

    def run(
        self, *words: str | Path, cwd: Path, code: int = 0, program: str = "panel"
    ) -> subprocess.CompletedProcess[str]:
        """Run one of its programs, which has to end with this exit code."""
        done = subprocess.run(
            [*self.before, str(self.environment / "bin" / program), *map(str, words)],
            cwd=cwd,
            env=self.variables(),
            capture_output=True,
            text=True,
            check=False,
        )
        said = f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        assert done.returncode == code and "Traceback" not in done.stderr, said
        return done

    @contextmanager
    def serving(self, *words: str | Path, cwd: Path) -> Iterator[str]:
        """Start a server of the program; give its address, and end it by SIGTERM."""
        with subprocess.Popen(
            [*self.before, str(self.environment / "bin" / "panel"), *map(str, words)],
            cwd=cwd,
            env=self.variables(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout is not None
            address = process.stdout.readline().strip().rstrip("/")
            if not address.startswith("http"):
                raise AssertionError(process.communicate(timeout=30))
            try:
                yield address
            finally:
                process.send_signal(signal.SIGTERM)
                _, said = process.communicate(timeout=30)
            assert process.returncode == -signal.SIGTERM and "Traceback" not in said, said


def beside_these_libraries(home: Path, log: Path) -> Installed:
    """Make an environment without the program that finds the libraries of this one.

    A .pth file names their folder, and no .pth file in that folder is read: the link to the
    checkout that `pip install -e` left there leads nowhere.
    """
    libraries = [each for each in sys.path if Path(each).name == "site-packages"]
    venv.create(home / "environment", symlinks=True)
    made = Installed(home / "environment", home, log, libraries)
    made.prepare()
    return made


def uv(*words: str | Path) -> subprocess.CompletedProcess[str]:
    """Run uv, which downloads no Python."""
    command = [find_uv_bin(), *map(str, words), "--no-python-downloads"]
    return subprocess.run(command, env=AT_START, capture_output=True, text=True, check=False)


def get(address: str) -> str:
    """Return the page at an address; raises URLError for any status but 200."""
    with urllib.request.urlopen(address, timeout=30) as answer:
        text: str = answer.read().decode()
    return text


def archived(history: Path, target: Path) -> Path:
    """Unpack what a host of git repositories offers as a tarball, and gives to an action."""
    git(history, "archive", "--output", str(target.with_suffix(".tar")), "HEAD")
    return unpacked(target.with_suffix(".tar"), target)


def unpacked(archive: Path, target: Path) -> Path:
    """Unpack an archive into a folder."""
    with tarfile.open(archive) as tar:
        if hasattr(tarfile, "data_filter"):  # the first versions of Python 3.11 have none
            tar.extraction_filter = tarfile.data_filter
        tar.extractall(target)
    return target


def hiding_the_checkout() -> list[str]:
    """Return words that hide the checkout from a command; none where this machine lets nobody."""
    words = ["unshare", "--mount", "--user", "--map-root-user", "sh", "-c"]
    words += [f'mount -t tmpfs none "{ROOT}" && exec "$@"', "sh"]
    seen = subprocess.run([*words, "ls", ROOT], capture_output=True, text=True, check=False)
    return words if (seen.returncode, seen.stdout) == (0, "") else []
