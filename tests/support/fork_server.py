"""The programs ``panel`` and ``panel-github``, each call a fork of a process that has run them.

A start of Python with every library costs half a second of work, a fork of a process that has
them a hundredth of that. A call is a process of its own all the same: it has the caller's
arguments, folder, environment and streams, and its exit code is the caller's.

What a first command makes and a second one finds (templates that are compiled, the empty database,
readers of settings and replies) was made before the fork: a quarter of what a small command costs.

``python -m tests.support.fork_server SOCKET`` serves until its stdin ends.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import marshal
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from tests.support.network_guard import GUARD
from tests.support.space import ROOT, new_space

# Without the modules json and socket, which take as long to import as Python takes to start.
CALLER = """#!{python} -ISE
import _socket, marshal, os, sys
call = marshal.dumps(["{entry}", sys.argv[1:], os.getcwdb(), dict(os.environb)])
streams = b"".join(number.to_bytes(4, sys.byteorder) for number in (0, 1, 2))
server = _socket.socket(_socket.AF_UNIX)
server.connect("{path}")
server.sendmsg(
    [len(call).to_bytes(8, "big")], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, streams)]
)
server.sendall(call)
code = server.recv(1)
os._exit(code[0] if code else 70)
"""


@contextmanager
def forked_programs(folder: Path, scripts: Mapping[str, str]) -> Iterator[None]:
    """Write programs into a folder (name → "module:function") that work while the block runs."""
    with tempfile.TemporaryDirectory(prefix="panel-") as short:  # a socket's path is bounded
        path = f"{short}/calls"
        search = os.pathsep.join([str(GUARD), str(ROOT / "src"), str(ROOT)])
        for name, entry in scripts.items():
            file = folder / name
            file.write_text(CALLER.format(python=sys.executable, entry=entry, path=path))
            file.chmod(0o755)
        with subprocess.Popen(
            [sys.executable, "-m", "tests.support.fork_server", path],
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": search},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        ) as server:
            assert server.stdin and server.stdout and server.stdout.readline() == b"ready\n"
            try:
                yield
            finally:
                server.stdin.close()


def serve(path: str) -> None:
    """Take calls until stdin ends."""
    from panel.cli.main import COMMANDS

    for module in sorted({module for module, _line in COMMANDS.values()}):
        importlib.import_module(f"panel.cli.{module}")
    late = ("panel.ci.github", "panel.endpoint.client", "panel.mcp.serving")
    for name in (*late, "httpcore2", "truststore"):
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    run_once()
    gc.collect()
    gc.freeze()  # a fork that looks at all of this for garbage would copy it
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(path)
        door.listen(64)
        print("ready", flush=True)
        while sys.stdin not in select.select([door, sys.stdin], [], [])[0]:
            caller, _address = door.accept()
            if os.fork() == 0:
                answer(caller)
            caller.close()


def run_once() -> None:
    """Ask a small workspace, as most commands begin."""
    from tests.support.mock_endpoint import MockEndpoint
    from tests.support.runs import run

    with tempfile.TemporaryDirectory() as folder, MockEndpoint() as mock:
        space = new_space(Path(folder) / "space")
        space.point_at(mock)
        run(space)


def answer(caller: socket.socket) -> NoReturn:
    """Be the program that was called."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    length, streams, _flags, _address = socket.recv_fds(caller, 8, 3)
    with caller.makefile("rb") as reading:
        call = marshal.loads(reading.read(int.from_bytes(length, "big")))
    entry, words, folder, environment = call
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.environ.clear()
    os.environb.update(environment)
    os.chdir(folder)
    module, _, function = entry.partition(":")
    sys.argv = [function, *words]
    code = 1
    try:
        getattr(importlib.import_module(module), function)()
        code = 0
    except SystemExit as ended:
        code = int(ended.code or 0)
    except BaseException:  # as Python itself shows it
        traceback.print_exc()
    with contextlib.suppress(OSError):
        sys.stdout.flush()
        sys.stderr.flush()
    caller.sendall(bytes([code & 255]))
    os._exit(code)


if __name__ == "__main__":
    serve(sys.argv[1])
