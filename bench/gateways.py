"""Gateways, proxies and mock servers of others between `panel` and a model; fills docs/servers.md.

    python -m bench.gateways [--folder FOLDER] [NAME ...]

Each is installed if it is missing (Python and npm packages below .cache/gateways, Debian's with
apt-get by root), asked through `panel doctor` and one `panel run` of eight cells, and stopped.
Behind a gateway stands the mock endpoint of the tests, or nothing at all ("dead backend").
Exit code 1: one could not be installed or started, or a dead backend cost too much.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import datetime
import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from bench.servers import PAGE, REPOSITORY, TOOLS, Failed, command, last_words, sight, stop, tell
from tests.support.mock_endpoint import MockEndpoint, completion, filled

FIRST, LAST = "<!-- written by bench/gateways.py -->", "<!-- end of what it wrote -->"
START_SECONDS, RUN_SECONDS = 90.0, 600.0
MOST_REQUESTS, MOST_SECONDS = 10, 15  # that a dead backend may cost
MODEL = "mock-1"
KEY = f"sk-{secrets.token_hex(32)}"  # some gateways want one of their own


@dataclass(frozen=True, slots=True)
class Place:
    """Where one gateway runs. home: its own folder. port: its own. backend: the model's port."""

    home: Path
    port: int
    backend: int


@dataclass(frozen=True, slots=True)
class Gateway:
    """One program of others. package: (kind, name) with kind pip, npm or apt.

    start: writes its settings and returns its command. url: the endpoint's base_url. settings:
    lines below [endpoints.far]. environment: of `panel`. serves: what it is started as.
    """

    package: tuple[str, str]
    start: Callable[[Place], list[str]]
    url: str = "http://127.0.0.1:{port}/v1"
    settings: str = ""
    environment: Callable[[Place], dict[str, str]] = lambda _place: {}
    own: dict[str, str] = field(default_factory=dict)  # of the gateway itself
    forwards: bool = True


@dataclass(slots=True)
class Finding:
    """What one gateway did in one situation; failure: why it got no further."""

    name: str
    version: str
    situation: str
    doctor: str = "–"
    exit_code: int | None = None
    counts: str = "–"
    requests: int | None = None
    arrived: int | None = None
    seconds: float | None = None
    said: str = ""
    failure: str | None = None


# ---- how each is started -----------------------------------------------------------------


def nginx(place: Place) -> list[str]:
    """Compress answers, speak HTTP/1.0 upstream and serve below a prefix."""
    (place.home / "nginx.conf").write_text(
        f"daemon off; pid {place.home}/pid; error_log stderr;\n"
        "events { worker_connections 64; }\n"
        f"http {{ access_log off; client_body_temp_path {place.home}/body;\n"
        f"proxy_temp_path {place.home}/proxy; fastcgi_temp_path {place.home}/f;\n"
        f"uwsgi_temp_path {place.home}/u; scgi_temp_path {place.home}/s;\n"
        "gzip on; gzip_types application/json; gzip_min_length 1; gzip_proxied any;\n"
        f"server {{ listen 127.0.0.1:{place.port};\n"
        "location /team/llm/ { proxy_http_version 1.0;\n"
        f"proxy_pass http://127.0.0.1:{place.backend}/; }} }} }}\n"
    )
    return [program("nginx"), "-e", "stderr", "-p", str(place.home), "-c", "nginx.conf"]


def caddy(place: Place) -> list[str]:
    """Pass everything on."""
    file = place.home / "Caddyfile"
    file.write_text(
        f"{{\nadmin off\nauto_https off\n}}\nhttp://127.0.0.1:{place.port} {{\n"
        f"reverse_proxy 127.0.0.1:{place.backend}\n}}\n"
    )
    return [program("caddy"), "run", "--config", str(file), "--adapter", "caddyfile"]


def haproxy(place: Place) -> list[str]:
    """Let one request through at a time, and refuse half of them at random."""
    file = place.home / "haproxy.cfg"
    file.write_text(
        "defaults\n mode http\n timeout connect 2s\n timeout client 60s\n timeout server 60s\n"
        f" timeout queue 30s\nfrontend f\n bind 127.0.0.1:{place.port}\n"
        " http-request deny deny_status 503 if METH_POST { rand(100) lt 50 }\n"
        f" default_backend b\nbackend b\n server one 127.0.0.1:{place.backend} maxconn 1\n"
    )
    return [program("haproxy"), "-db", "-f", str(file)]


def varnish(place: Place) -> list[str]:
    """Answer 503 with Retry-After: 5 where the backend is not there."""
    file = place.home / "default.vcl"
    file.write_text(
        "vcl 4.1;\nbackend default {\n"
        f' .host = "127.0.0.1"; .port = "{place.backend}";\n}}\n'
        "sub vcl_recv { return (pass); }\n"
        "sub vcl_backend_error { set beresp.http.Retry-After = 5; return (deliver); }\n"
    )
    listening = f"127.0.0.1:{place.port}"
    return [
        *(program("varnishd"), "-F", "-a", listening, "-f", str(file)),
        *("-n", str(place.home / "work"), "-s", "malloc,32m"),
    ]


def litellm(place: Place) -> list[str]:
    """Stand in front of an OpenAI-compatible server."""
    file = place.home / "litellm.yaml"
    file.write_text(
        f"model_list:\n  - model_name: {MODEL}\n    litellm_params:\n"
        f"      model: openai/{MODEL}\n      api_base: http://127.0.0.1:{place.backend}/v1\n"
        "      api_key: none\n"
    )
    return [
        *(str(place.home / "venv/bin/litellm"), "--config", str(file)),
        *("--host", "127.0.0.1", "--port", str(place.port)),
    ]


def portkey(place: Place) -> list[str]:
    """Be told by headers where to ask."""
    server = place.home / "node_modules/@portkey-ai/gateway/build/start-server.js"
    return ["node", str(server), f"--port={place.port}", "--headless"]


def aimock(place: Place) -> list[str]:
    """Pass everything on, and break two of ten answers in each of three ways."""
    fixtures = place.home / "fixtures"
    fixtures.mkdir(exist_ok=True)
    (fixtures / "none.json").write_text('{"fixtures": []}')
    broken = [f"--chaos-{kind}=0.2" for kind in ("drop", "malformed", "disconnect")]
    return [
        *("node", str(place.home / "node_modules/.bin/llmock"), "--port", str(place.port)),
        *("--fixtures", str(fixtures), "--proxy-only"),
        *("--provider-openai", f"http://127.0.0.1:{place.backend}", *broken),
    ]


def llmock(place: Place) -> list[str]:
    """Answer by itself, with prose or a filled schema, and fail three of ten requests."""
    return [
        *(str(place.home / "venv/bin/llmock"), "serve", "--port", str(place.port)),
        *("--error-rate", "429=0.15", "--error-rate", "503=0.15"),
    ]


def mock_llm(place: Place) -> list[str]:
    """Answer by rules: one verdict for each persona, whatever is asked."""
    rules = [
        {
            "path": "/v1/models",
            "response": {"status": 200, "content": json.dumps({"data": [{"id": MODEL}]})},
        }
    ]
    for persona, schema in schemas().items():
        body = completion(json.dumps(filled(schema, persona)))
        rules.append(
            {
                "path": "/v1/chat/completions",
                "match": f"contains(body.messages[0].content, '{persona}')",
                "response": {"status": 200, "content": json.dumps(body)},
            }
        )
    (place.home / "mock-llm.yaml").write_text(json.dumps({"rules": rules}))
    return ["node", str(place.home / "node_modules/.bin/mock-llm")]


def mitmproxy(place: Place) -> list[str]:
    """Stand between as HTTPS_PROXY with a certificate of its own."""
    return [
        *(str(place.home / "venv/bin/mitmdump"), "--listen-host", "127.0.0.1"),
        *("--listen-port", str(place.port), "--set", f"confdir={place.home}"),
        *("--set", "connection_strategy=lazy"),
        *("--map-remote", f"|https://models.example/|http://127.0.0.1:{place.backend}/"),
    ]


def behind_mitmproxy(place: Place) -> dict[str, str]:
    """Return what a company's machine has set."""
    certificate = str(place.home / "mitmproxy-ca-cert.pem")
    return {
        "HTTPS_PROXY": f"http://127.0.0.1:{place.port}",
        "SSL_CERT_FILE": certificate,
        "NO_PROXY": "",
        "no_proxy": "",
    }


GATEWAYS = {
    "nginx": Gateway(("apt", "nginx-light"), nginx, "http://127.0.0.1:{port}/team/llm/v1"),
    "Caddy": Gateway(("apt", "caddy"), caddy),
    "HAProxy": Gateway(("apt", "haproxy"), haproxy),
    "Varnish": Gateway(("apt", "varnish"), varnish),
    "LiteLLM": Gateway(
        ("pip", "litellm[proxy]==1.108.7"), litellm, own={"LITELLM_MASTER_KEY": KEY}
    ),
    "Portkey": Gateway(
        ("npm", "@portkey-ai/gateway@1.15.2"),
        portkey,
        settings='headers = {{ x-portkey-provider = "openai", '
        'x-portkey-custom-host = "http://127.0.0.1:{backend}/v1" }}\n',
        own={"TRUSTED_CUSTOM_HOSTS": "127.0.0.1,localhost"},
    ),
    "aimock": Gateway(("npm", "@copilotkit/aimock@1.43.0"), aimock),
    "llmock": Gateway(("pip", "llmock==0.2.2"), llmock, forwards=False),
    "mock-llm": Gateway(("npm", "@dwmkerr/mock-llm@0.1.29"), mock_llm, forwards=False),
    "mitmproxy": Gateway(
        ("pip", "mitmproxy==11.0.2"),
        mitmproxy,
        "https://models.example/v1",
        environment=behind_mitmproxy,
    ),
}


def schemas() -> dict[str, dict[str, object]]:
    """Return each shipped persona's verdict schema by the persona's name."""
    from panel.workspace.personas import load_personas  # noqa: PLC0415
    from panel.workspace.verdict import schema_for  # noqa: PLC0415

    personas = load_personas(REPOSITORY / "personas")
    return {persona.name: schema_for(persona) for persona in personas}


# ---- installing --------------------------------------------------------------------------


def install(kind: str, package: str, home: Path) -> None:
    """Install a program where it is missing; raises Failed."""
    home.mkdir(parents=True, exist_ok=True)
    done = home / "installed"
    if kind == "apt" or not (done.is_file() and done.read_text() == package):
        {"apt": with_apt, "pip": with_pip, "npm": with_npm}[kind](package, home)
        done.write_text(package)


def with_apt(package: str, _home: Path) -> None:
    """Install a package of Debian, unless it is there."""
    if subprocess.run(["dpkg", "-s", package], capture_output=True, check=False).returncode == 0:
        return
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise Failed(f"{package} is not installed. Install it as root, then run this again.")
    with_no_service = {"RUNLEVEL": "1", "DEBIAN_FRONTEND": "noninteractive"}
    command(["apt-get", "update", "-q"], "apt-get update")
    command(
        ["apt-get", "install", "-y", "--no-install-recommends", package],
        f"installing {package}",
        **with_no_service,
    )


def with_pip(package: str, home: Path) -> None:
    """Install a package of Python, or several, into a virtual environment of its own."""
    command([sys.executable, "-m", "venv", str(home / "venv")], "making its virtual environment")
    pip = [str(home / "venv/bin/python"), "-m", "pip", "install", "--quiet", *package.split()]
    command(pip, f"installing {package}")


def with_npm(package: str, home: Path) -> None:
    """Install a package of npm, or several, into a folder of its own."""
    if shutil.which("npm") is None:
        raise Failed("npm is not installed.")
    npm = ["npm", "install", "--silent", "--prefix", str(home), *package.split()]
    command(npm, f"installing {package}")


def version_of(kind: str, package: str) -> str:
    """Return package and version as installed; of several, the first one's."""
    if kind != "apt":
        first = package.split(maxsplit=1)[0].replace("[proxy]", "").replace("==", "@")
        name, _at, version = first.rpartition("@")
        return f"{name} {version}"
    query = ["dpkg-query", "-W", "-f", "${Version}", package]
    told = subprocess.run(query, capture_output=True, text=True, check=False)
    return f"{package} {told.stdout.partition('-')[0]}"


def program(name: str) -> str:
    """Return the path of an installed program; sbin is often not on PATH. Raises Failed."""
    path = os.pathsep.join((os.environ.get("PATH", ""), "/usr/local/sbin", "/usr/sbin"))
    found = shutil.which(name, path=path)
    if found is None:
        raise Failed(f"{name} is not there.")
    return found


# ---- asking ------------------------------------------------------------------------------


def look_at(name: str, folder: Path) -> Iterator[Finding]:
    """Ask one gateway with a live backend, then with a dead one; never raises for what it does."""
    gateway = GATEWAYS[name]
    situations = ("it answers", "dead backend") if gateway.forwards else ("it answers",)
    for situation in situations:
        finding = Finding(name, version_of(*gateway.package), situation)
        tell(f"{name}: {situation}")
        try:
            install(*gateway.package, folder / name.lower())
            finding.version = version_of(*gateway.package)
            with MockEndpoint() as model:
                place = Place(folder / name.lower(), free_port(), model.port)
                if situation == "dead backend":
                    place = dataclasses.replace(place, backend=free_port())
                with started(gateway, place):
                    ask(finding, gateway, place)
                finding.arrived = model.asked
        except Failed as failed:
            finding.failure = str(failed)
            tell(f"{name}: {failed}")
        yield finding


def free_port() -> int:
    """Return a loopback port that nothing listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def started(gateway: Gateway, place: Place) -> Iterator[None]:
    """Run a gateway until the block ends. Raises Failed."""
    environment = os.environ | {"PORT": str(place.port), "HOST": "127.0.0.1"} | gateway.own
    with tempfile.TemporaryFile("w+") as log:
        try:
            process = subprocess.Popen(
                gateway.start(place),
                cwd=place.home,
                env=environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        except OSError as error:
            raise Failed(f"It cannot be started: {error}.") from None
        try:
            deadline = time.monotonic() + START_SECONDS
            while not listens(place.port):
                if process.poll() is not None or time.monotonic() > deadline:
                    log.seek(0)
                    raise Failed(f"It did not start: {last_words(log.read())}")
                time.sleep(0.2)
            yield
        finally:
            stop(process)


def listens(port: int) -> bool:
    """Whether something takes connections at a loopback port."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=2):
        return True
    return False


def ask(finding: Finding, gateway: Gateway, place: Place) -> None:
    """Send doctor and a run of eight cells through a gateway; fills the finding."""
    with tempfile.TemporaryDirectory() as folder:
        workspace = Path(folder) / "workspace"
        panel(REPOSITORY, {}, "init", str(workspace))
        fields = {"port": place.port, "backend": place.backend}
        (workspace / "panel.toml").write_text(
            '[panel]\nendpoint = "far"\n\n[endpoints.far]\n'
            f'base_url = "{gateway.url.format(**fields)}"\nmodel = "{MODEL}"\n'
            f'api_key_env = "BENCH_KEY"\nconcurrency = 4\ntimeout_seconds = 30\n'
            + gateway.settings.format(**fields)
        )
        loopback = {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1", "BENCH_KEY": KEY}
        environment = loopback | gateway.environment(place)
        seen = panel(workspace, environment, "doctor", "--json")
        finding.doctor = seen_by(seen)
        chosen = [argument for tool in TOOLS for argument in ("--tool", tool)]
        done = panel(workspace, environment, "run", "--json", *chosen)
        finding.exit_code, finding.said = done.returncode, last_line(done.stderr)
        if "Traceback" in done.stderr + seen.stderr:
            raise Failed("panel ended in a traceback.")
        with contextlib.suppress(ValueError):
            run = json.loads(done.stdout)
            kinds = ("verdicts", "abstains", "errors")
            finding.counts = " / ".join(str(run[kind]) for kind in kinds)
            finding.requests, finding.seconds = run["requests"], run["seconds"]


def panel(
    folder: Path, environment: dict[str, str], *arguments: str
) -> subprocess.CompletedProcess[str]:
    """Run panel in a folder; raises Failed where it does not end."""
    try:
        return subprocess.run(
            [sys.executable, "-m", "panel", *arguments],
            cwd=folder,
            env=os.environ | {"PYTHONPATH": str(REPOSITORY / "src")} | environment,
            capture_output=True,
            text=True,
            timeout=RUN_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Failed(f"panel {arguments[0]} took more than {RUN_SECONDS:.0f} s.") from None


def seen_by(done: subprocess.CompletedProcess[str]) -> str:
    """Say what doctor saw in a few words."""
    try:
        return sight(json.loads(done.stdout))
    except ValueError:
        return last_line(done.stderr)


def last_line(text: str) -> str:
    """Return the last line, shortened."""
    lines = [line.strip() for line in text.splitlines() if line.strip()] or [""]
    return lines[-1] if len(lines[-1]) <= 240 else lines[-1][:239] + "…"


def too_dear(finding: Finding) -> bool:
    """Whether a dead backend cost more requests or seconds than it may."""
    if finding.situation != "dead backend" or finding.requests is None:
        return False
    return finding.requests > MOST_REQUESTS or (finding.seconds or 0) > MOST_SECONDS


# ---- the page ----------------------------------------------------------------------------

COLUMNS = (
    *("program", "version", "asked on", "situation", "what `panel doctor` saw", "exit code"),
    *("verdicts / abstained / errors", "requests (that reached the model)", "seconds"),
    "what `panel run` said last",
)


def write_page(findings: list[Finding], private: list[str]) -> None:
    """Put fresh rows into the page; rows of what was not asked now stay."""
    page = PAGE.read_text()
    head, mark, rest = page.partition(FIRST)
    old, end, tail = rest.partition(LAST)
    if not mark or not end:
        raise Failed(f"{PAGE} has no marks {FIRST} and {LAST}.")
    rows = {key(line): line for line in old.splitlines() if key(line)[0] in GATEWAYS}
    rows |= {(found.name, found.situation): row(found, private) for found in findings}
    order = {name: place for place, name in enumerate(GATEWAYS)}
    kept = sorted(rows, key=lambda place: (order[place[0]], place[1] == "dead backend"))
    table = [f"| {' | '.join(COLUMNS)} |", "|" + "---|" * len(COLUMNS)]
    table += [rows[place] for place in kept]
    PAGE.write_text(f"{head}{FIRST}\n\n" + "\n".join(table) + f"\n\n{LAST}{tail}")


def key(line: str) -> tuple[str, str]:
    """Return the program and the situation that a line of the table is about."""
    cells = [cell.strip() for cell in line.split("|")]
    return (cells[1], cells[4]) if len(cells) > 5 else ("", "")


def row(finding: Finding, private: list[str]) -> str:
    """Return one line of the table, without a path or a port of this machine."""
    said = finding.failure or finding.said
    for folder in private:
        said = said.replace(folder, "…")
    said, doctor = (
        re.sub(r"(127\.0\.0\.1):\d+", r"\1:…", words) for words in (said, finding.doctor)
    )
    asked = "–" if finding.requests is None else f"{finding.requests} ({finding.arrived})"
    cells = (
        *(finding.name, finding.version, datetime.datetime.now(datetime.UTC).date().isoformat()),
        *(finding.situation, doctor),
        *("–" if finding.exit_code is None else str(finding.exit_code), finding.counts, asked),
        *("–" if finding.seconds is None else f"{finding.seconds:.1f}", said),
    )
    return f"| {' | '.join(' '.join(cell.replace('|', '/').split()) for cell in cells)} |"


def main() -> int:
    """Ask every program named (all of them where none is), write the page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(GATEWAYS)}")
    parser.add_argument("--folder", type=Path, default=REPOSITORY / ".cache" / "gateways")
    given = parser.parse_args()
    if unknown := set(given.names) - set(GATEWAYS):
        parser.error(f"no {', '.join(sorted(unknown))}; there are {', '.join(GATEWAYS)}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that nothing is left behind
    findings: list[Finding] = []
    for name in given.names or GATEWAYS:
        findings += look_at(name, given.folder.absolute())
        write_page(findings, [str(given.folder.absolute()), str(REPOSITORY), str(Path.home())])
    for found in findings:
        cost = f"{found.requests} requests, {found.seconds} s: {found.counts}"
        dear = " TOO DEAR" if too_dear(found) else ""
        print(f"{found.name}, {found.situation}: {found.failure or cost + dear}")
    return 1 if any(found.failure or too_dear(found) for found in findings) else 0


if __name__ == "__main__":
    sys.exit(main())
