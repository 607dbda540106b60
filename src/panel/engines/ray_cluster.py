"""Ray itself: imported late, started on this machine or connected to, quiet, and ended again."""

from __future__ import annotations

import contextlib
import importlib
import logging
import math
import os
import socket
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from panel.engines.base import Job
from panel.errors import UsageError

WORKER_CPUS = 0.5  # of a cluster's accounting: a worker waits for answers most of the time
OBJECTS = 128 << 20  # bytes for what is handed around on this machine
KNOCK_SECONDS = 10.0
# Ray puts the outer address in the place of 127.0.0.1. On other systems it takes loopback itself.
LOOPBACK = "127.0.0.2" if sys.platform == "linux" else None


def imported() -> Any:
    """Import Ray, which must be told before that it is to send nothing home."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")  # what it says is on our stderr
    try:
        importlib.import_module("ray.data")
    except ImportError as error:
        raise UsageError(
            f"--engine ray needs {error.name!r}, which is not installed: "
            "pip install 'reviewer-panel[ray]'."
        ) from None
    return importlib.import_module("ray")


@contextlib.contextmanager
def cluster(job: Job) -> Iterator[int]:
    """Be connected to Ray while the block runs; give the number of workers.

    Without an address Ray is started on this machine and ends with the block, or with this
    process, however that ends.
    """
    ray, quiet = imported(), {"log_to_driver": False, "logging_level": logging.ERROR}
    most = job.endpoint.concurrency
    with tempfile.TemporaryDirectory(prefix="panel-ray-", ignore_cleanup_errors=True) as folder:
        try:
            if job.workers.address is None:
                many = min(job.workers.many or 1, most)
                with _hushed(), _no_questions_to_a_cloud(Path(folder)):
                    ray.init(
                        address="local",
                        num_cpus=math.ceil(many * WORKER_CPUS) + 1,
                        num_gpus=0,
                        include_dashboard=False,
                        object_store_memory=OBJECTS,
                        _node_ip_address=LOOPBACK,
                        _temp_dir=folder,
                        **quiet,
                    )
            else:
                try:
                    _knock(job.workers.address)
                    with _hushed():
                        ray.init(address=job.workers.address, **quiet)
                except (OSError, ValueError, RuntimeError) as error:
                    why = str(error).splitlines()[0].rstrip(".")
                    raise UsageError(
                        f"there is no Ray cluster at {job.workers.address!r}: {why}. Start one "
                        "('ray start --head'), or leave --address out."
                    ) from None
                nodes = sum(bool(node["Alive"]) for node in ray.nodes())
                many = min(job.workers.many or nodes, most)
            context = ray.data.DataContext.get_current()
            context.enable_progress_bars = False
            context.print_on_execution_start = False
            context.execution_no_progress_timeout_s = -1  # a model may be slow
            logging.getLogger("ray.data").setLevel(logging.ERROR)
            with _stdout_kept(job.workers.address):
                yield max(1, many)
        finally:
            ray.shutdown()


def _knock(address: str) -> None:
    """Raise OSError where nothing listens at an address: Ray would wait for minutes."""
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if colon and port.isascii() and port.isdigit():
        socket.create_connection((host.strip("[]"), int(port)), KNOCK_SECONDS).close()


@contextlib.contextmanager
def _hushed() -> Iterator[None]:
    """Keep off stderr what Ray's own libraries say while it starts; its errors are raised."""
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


@contextlib.contextmanager
def _stdout_kept(address: str | None) -> Iterator[None]:
    """Keep off stdout what a cluster says of itself; what one on this machine says is told here."""
    with (
        Path(os.devnull).open("w") as nowhere,
        contextlib.redirect_stdout(sys.stderr if address else nowhere),
    ):
        yield


@contextlib.contextmanager
def _no_questions_to_a_cloud(folder: Path) -> Iterator[None]:
    """Give what Ray starts another home folder while the block runs.

    Where it finds no description of the cluster there, it asks the addresses at which clouds say
    who they are, even with its statistics off (2.60, usage_stats_head.py).
    """
    (folder / "ray_bootstrap_config.yaml").write_text("{}")
    home = os.environ.get("HOME")
    os.environ["HOME"] = str(folder)
    try:
        yield
    finally:
        if home is None:
            del os.environ["HOME"]
        else:
            os.environ["HOME"] = home
