"""panel.toml: what it may hold, what it may not, and what comes of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from panel.errors import EndpointError, Problem, UnconfiguredError, UsageError, WorkspaceError
from panel.workspace.endpoints import Endpoint, check_endpoint, resolve_endpoint
from panel.workspace.presets import EMBEDDED_MODEL, PRESETS
from panel.workspace.settings import Settings, cache_folder
from panel.workspace.settings_file import load_settings

SECRET = "sk-Very5ecretValue"


def load(root: Path, text: str) -> Settings:
    (root / "panel.toml").write_text(text)
    return load_settings(root)


def refused(root: Path, text: str) -> list[Problem]:
    with pytest.raises(WorkspaceError) as refusal:
        load(root, text)
    return refusal.value.problems


def resolved(root: Path, text: str, name: str | None = None, model: str | None = None) -> Endpoint:
    return resolve_endpoint(load(root, text), root, name, model)


def test_an_empty_file_means_no_endpoint(tmp_path: Path) -> None:
    with pytest.raises(UnconfiguredError, match=r"no endpoint is configured.*panel setup"):
        resolved(tmp_path, "")
    for text in ("[endpoints.ollama]\nconcurrency = 2", "[endpoints.embedded]\nthreads = 2"):
        with pytest.raises(UnconfiguredError):  # how, and not who
            resolved(tmp_path, text)


@pytest.mark.parametrize(
    ("text", "name", "model"),
    [
        ("[endpoints.ollama]\nmodel = 'm'", "ollama", "m"),
        ("[endpoints.a]\nbase_url = 'http://h'\nmodel = 'm'", "a", "m"),
        ("[endpoints.a]\nbase_urls = ['http://h', 'http://i']\nmodel = 'm'", "a", "m"),
        ("[endpoints.embedded]\nweights = 'own.gguf'", "embedded", "own"),
        ("[endpoints.vllm]\nconcurrency = 2\n[endpoints.ollama]\nmodel = 'm'", "ollama", "m"),
        ("[panel]\nendpoint = 'embedded'\n[endpoints.ollama]\nmodel = 'm'", "embedded", None),
    ],
)
def test_the_only_endpoint_with_a_table_is_meant(
    tmp_path: Path, text: str, name: str, model: str | None
) -> None:
    endpoint = resolved(tmp_path, text)
    assert (endpoint.name, endpoint.model) == (name, model or EMBEDDED_MODEL)


def test_of_several_endpoints_one_has_to_be_named(tmp_path: Path) -> None:
    text = "[endpoints.ollama]\nmodel = 'm'\n[endpoints.a]\nbase_url = 'http://h'\nmodel = 'n'"
    with pytest.raises(UsageError, match=r"'ollama', 'a' and does not say.*--endpoint ollama"):
        resolved(tmp_path, text)
    assert resolved(tmp_path, text, "a").model == "n"
    assert resolved(tmp_path, f"[panel]\nendpoint = 'a'\n{text}").model == "n"
    check_endpoint(load(tmp_path, text), tmp_path)


def test_a_model_that_panel_serves_itself_names_its_endpoint(tmp_path: Path) -> None:
    other = "[endpoints.ollama]\nmodel = 'm'"
    for text in ("", other):
        assert resolved(tmp_path, text, model=EMBEDDED_MODEL).name == "embedded"
    own = f"[endpoints.vllm]\nmodel = '{EMBEDDED_MODEL}'"
    assert resolved(tmp_path, own, model=EMBEDDED_MODEL).name == "vllm"
    assert resolved(tmp_path, "", "vllm", EMBEDDED_MODEL).name == "vllm"


def test_ollamas_usual_tag_may_be_left_out(tmp_path: Path) -> None:
    text = "[endpoints.ollama]\nmodel = 'mistral-small:latest'"
    assert resolved(tmp_path, text).model == "mistral-small"
    assert resolved(tmp_path, text, model="mistral-small:24b").model == "mistral-small:24b"
    assert resolved(tmp_path, "", "ollama", "a:latest").model == "a"
    assert resolved(tmp_path, "", "vllm", "a:latest").model == "a:latest"


def test_the_embedded_endpoint_serves_its_model_itself(tmp_path: Path) -> None:
    endpoint = resolved(tmp_path, "", "embedded")
    assert (endpoint.name, endpoint.model, endpoint.base_url) == ("embedded", EMBEDDED_MODEL, None)
    assert endpoint.embedded and endpoint.profile == "extractive" and endpoint.concurrency == 1


@pytest.mark.parametrize(
    ("text", "line", "field", "remedy"),
    [
        ("[panle]", 1, "panle", "Did you mean 'panel'?"),
        ("[panel]\n\nendpiont = 'x'", 3, "panel.endpiont", "Did you mean 'endpoint'?"),
        (
            "[panel]\nlanguage = 'French!'",
            2,
            "panel.language",
            "Write one such as en, fr or pt-BR.",
        ),
        (
            "[panel]\nas_of = '2026-13'",
            2,
            "panel.as_of",
            'Write year and month, such as "2026-11".',
        ),
        ("[sampling]\ntemprature = 1", 2, "sampling.temprature", "Did you mean 'temperature'?"),
        (
            "[endpoints.vllm]\nmodle = 'x'",
            2,
            "endpoints.vllm.modle",
            "Did you mean 'model'?",
        ),
        (
            "[endpoints.vllm.prices]\nprompt = 1\ncompletion = 1\ncache = 1",
            4,
            "endpoints.vllm.prices.cache",
            "Did you mean 'cached'?",
        ),
        ("[panel]\nendpoint = 'mistrall'", 2, "panel.endpoint", "Did you mean 'mistral'?"),
        ("[endpoints.a]\npreset = 'olama'", 2, "endpoints.a.preset", "Did you mean 'ollama'?"),
    ],
)
def test_a_misspelt_word_names_the_nearest(
    tmp_path: Path, text: str, line: int, field: str, remedy: str
) -> None:
    (problem,) = refused(tmp_path, text)
    assert (problem.line, problem.field, problem.remedy) == (line, field, remedy)


@pytest.mark.parametrize(
    "text",
    [
        "[endpoints.a]\napi_key = 'SECRET'",
        "[endpoints.a]\nAPI-Key = 'SECRET'",
        "[endpoints.a.sampling.extra]\ntoken = 'SECRET'",
        "[endpoints.a]\nheaders = {Authorization = 'Bearer SECRET'}",
        "[endpoints.a]\nheaders = {X-Portal-Key = 'SECRET'}",
        "[endpoints.a.headers]\nCookie = 'SECRET'",
        "[endpoints.a.headers]\nX-Plain = 'Bearer SECRET'",
        "[endpoints.a.headers]\nX-Plain = 'SECRET'",
        "[endpoints.a]\nheaders_env = {X-Portal-Key = 'SECRET'}",
        "[endpoints]\napi_key = 'SECRET'",
        "[endpoints]\na = 'SECRET'",
        "[panel]\napi_key = 'SECRET'",
        "api_key = 'SECRET'",
        "api_key = SECRET",
        "[endpoints.a]\napi_key_env = 'SECRET'",
        "[endpoints.a]\napi_key_env = ['SECRET']",
        "[endpoints.a]\nmy_api_key = 'SECRET'",
        "[endpoints.a]\nbase_url = 'https://me:SECRET@host/v1'",
        "[endpoints.a]\nbase_url = 'https://SECRET@host/v1'",
        "[endpoints.a]\nbase_url = 'https://:SECRET@host/v1'",
        "[endpoints.a]\nbase_url = 'me:SECRET@host/v1'",
        "[endpoints.a]\nbase_url = 'https://me:SECRET@[host/v1'",
        "[endpoints.a]\nbase_url = 'https://host/v1?api_key=SECRET'",
    ],
)
def test_a_secret_in_the_file_is_refused_and_never_repeated(tmp_path: Path, text: str) -> None:
    problems = refused(tmp_path, text.replace("SECRET", SECRET))
    shown = "\n".join(map(str, problems))
    assert SECRET not in shown and "Very5" not in shown
    assert problems[0].line in (1, 2)


def test_a_refused_secret_says_where_it_belongs(tmp_path: Path) -> None:
    (problem,) = refused(tmp_path, f"[endpoints.a]\nbase_url = 'http://h'\napi_key = '{SECRET}'")
    assert (problem.line, problem.field) == (3, "endpoints.a.api_key")
    assert "api_key_env" in problem.remedy


def test_headers_are_read_and_those_that_are_secrets_by_their_variables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (
        "[endpoints.a]\nbase_url = 'http://h'\nmodel = 'm'\nheaders = {X-Tenant = 'atelier'}\n"
        "[endpoints.a.headers_env]\napi-key = 'AZURE_KEY'\nAuthorization = 'PORTAL_AUTH'"
    )
    endpoint = resolved(tmp_path, text, "a")
    assert endpoint.headers == {"X-Tenant": "atelier"}
    monkeypatch.setenv("AZURE_KEY", f" {SECRET}\n")
    with pytest.raises(EndpointError, match=r"header Authorization in .* PORTAL_AUTH, which"):
        endpoint.secret_headers()
    monkeypatch.setenv("PORTAL_AUTH", "Basic bWU6")
    assert endpoint.secret_headers() == {"api-key": SECRET, "Authorization": "Basic bWU6"}


@pytest.mark.parametrize(
    ("table", "line", "says"),
    [
        ("headers = {'X Tenant' = 'a'}", 2, "is not the name of a header"),
        ("headers = {'X-Tenant: a' = ''}", 2, "is not the name of a header"),
        ("headers = {Content-Length = '5'}", 2, "the connection sets"),
        ("headers = {Proxy-Thing = '5'}", 2, "the connection sets"),
        ('headers = {X-Tenant = "a\\r\\nHost: b"}', 2, "no header can carry"),
        ("headers = {X-Tenant = 'Müller'}", 2, "no header can carry"),
        ("headers = {X-Tenant = 5}", 2, "must be text"),
        ("headers_env = {X-Pass = 'a b'}", 2, "is not the name of an environment variable"),
        ("headers = {X-A = 'a'}\nheaders_env = {x-a = 'A'}", 3, "is set twice"),
        ("headers_env = {x-a = 'A', X-A = 'B'}", 2, "is set twice"),
    ],
)
def test_a_header_that_cannot_be_sent_is_named(
    tmp_path: Path, table: str, line: int, says: str
) -> None:
    problems = refused(tmp_path, f"[endpoints.vllm]\n{table}")
    assert says in str(problems[0]) and problems[0].line == line


def test_a_secret_header_says_where_it_belongs(tmp_path: Path) -> None:
    (problem,) = refused(tmp_path, f"[endpoints.vllm]\nheaders = {{X-Api-Key = '{SECRET}'}}")
    assert 'headers_env = {X-Api-Key = "NAME_OF_THE_VARIABLE"}' in problem.remedy


@pytest.mark.parametrize(
    ("text", "line"),
    [("[panel]\nx = = 1", 2), ("a = " + "1" * 5000, None), ("a = " + "[" * 100_000, None)],
)
def test_broken_toml_is_one_problem(tmp_path: Path, text: str, line: int | None) -> None:
    (problem,) = refused(tmp_path, text)
    assert "is not valid TOML" in problem.message and problem.line == line
    assert "sys." not in problem.message and "recursion" not in problem.message


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("[sampling]\ntemperature = 5", "sampling.temperature"),
        ("[limits]\nattempts = 0", "limits.attempts"),
        ("[endpoints.a]\nbase_url = 'ftp://h'", "endpoints.a.base_url"),
        ("[endpoints.a]\nbase_url = 'http://h:99999'", "endpoints.a.base_url"),
        ("[endpoints.a]\nmodel = 'm'", "endpoints.a"),
        (
            "[endpoints.vllm]\nprices = {prompt = -1, completion = 1}",
            "endpoints.vllm.prices.prompt",
        ),
    ],
)
def test_a_value_out_of_bounds_is_named(tmp_path: Path, text: str, field: str) -> None:
    assert [problem.field for problem in refused(tmp_path, text)] == [field]


def test_all_problems_come_at_once(tmp_path: Path) -> None:
    text = "[panel]\nendpoint = 'nix'\n[endpoints.a]\npreset = 'no'\n[endpoints.b]\nmodel = 'm'"
    assert [problem.line for problem in refused(tmp_path, text)] == [4, 5, 2]


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_can_be_used_by_its_name(tmp_path: Path, name: str) -> None:
    endpoint = resolved(tmp_path, "", name, None if name == "embedded" else "m")
    assert endpoint.preset == name
    assert endpoint.base_url == PRESETS[name].get("base_url")
    assert endpoint.api_key_env == PRESETS[name].get("api_key_env")


def test_an_endpoint_of_ones_own_takes_what_its_preset_knows(tmp_path: Path) -> None:
    text = "[endpoints.lab]\npreset = 'mistral'\nmodel = 'm'\napi_key_env = 'LAB_KEY'"
    endpoint = resolved(tmp_path, text, "lab")
    assert (endpoint.seed_field, endpoint.api_key_env) == ("random_seed", "LAB_KEY")


def test_sampling_of_the_endpoint_beats_the_file_beats_the_preset(tmp_path: Path) -> None:
    text = (
        "[sampling]\ntop_p = 0.5\nseed = 1\nextra = {min_p = 0.2}\n"
        "[endpoints.embedded.sampling]\nseed = 2\nextra = {own = 1}"
    )
    sampling = resolved(tmp_path, text, "embedded").sampling
    assert (sampling.seed, sampling.top_p, sampling.max_tokens) == (2, 0.5, 1200)
    assert sampling.temperature == 0.7, "the base of all"
    assert sampling.extra == {"min_p": 0.2, "repeat_penalty": 1.1, "own": 1}


def test_limits_of_the_endpoint_beat_the_file_beat_the_preset(tmp_path: Path) -> None:
    text = "[limits]\nconcurrency = 3\ntimeout_seconds = 9\n[endpoints.vllm]\nmodel = 'm'\n"
    file = resolved(tmp_path, text, "vllm")
    assert (file.concurrency, file.timeout_seconds) == (3, 9)
    own = resolved(tmp_path, text + "concurrency = 5\ntimeout_seconds = 7", "vllm")
    assert (own.concurrency, own.timeout_seconds) == (5, 7)
    assert resolved(tmp_path, "", "vllm", "m").concurrency == 32


def test_the_embedded_model_keeps_its_patience_unless_told(tmp_path: Path) -> None:
    assert resolved(tmp_path, "", "embedded").timeout_seconds == 600
    text = "[limits]\ntimeout_seconds = 900"
    assert resolved(tmp_path, text, "embedded").timeout_seconds == 900
    assert resolved(tmp_path, "", model="ministral-3-8b").timeout_seconds == 3600
    for text in ("[limits]\ntimeout_seconds = 9", "[endpoints.embedded]\ntimeout_seconds = 9"):
        assert resolved(tmp_path, text, model="ministral-3-8b").timeout_seconds == 9


def test_the_model_of_the_command_line_wins(tmp_path: Path) -> None:
    text = "[endpoints.ollama]\nmodel = 'written'"
    assert resolved(tmp_path, text, "ollama").model == "written"
    assert resolved(tmp_path, text, "ollama", "asked").model == "asked"


def test_an_endpoint_without_model_says_how_to_name_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"'ollama' names no model. Pass --model"):
        resolved(tmp_path, "", "ollama")
    settings = load(tmp_path, "")
    assert resolve_endpoint(settings, tmp_path, "ollama", model_needed=False).model == ""


def test_an_unknown_endpoint_names_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="Did you mean 'openrouter'"):
        resolved(tmp_path, "", "openrooter", "m")
    with pytest.raises(UsageError, match="Did you mean 'workshop'"):
        resolved(tmp_path, "[endpoints.workshop]\nbase_url = 'http://h'", "workshp", "m")


def test_weights_are_found_from_the_workspace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    text = "[endpoints.own]\nweights = '{}'"
    for written, found in (
        ("m/Big.gguf", tmp_path / "m/Big.gguf"),
        ("/a/Big.gguf", Path("/a/Big.gguf")),
        ("~/Big.gguf", Path("/home/me/Big.gguf")),
    ):
        endpoint = resolved(tmp_path, text.format(written), "own")
        assert endpoint.profile == "standard", "other weights write"
        assert (endpoint.weights, endpoint.model, endpoint.preset) == (found, "big", "embedded")


@pytest.mark.parametrize("text", ["", "[endpoints.embedded]\nmodel = 'qwen3-4b-2507'"])
def test_the_embedded_endpoint_serves_models_by_name(tmp_path: Path, text: str) -> None:
    found = resolved(tmp_path, text, model="ministral-3-3b")
    assert (found.name, found.model, found.embedded) == ("embedded", "ministral-3-3b", True)
    assert found.profile == "standard", "only the demonstration model picks sentences"
    sampling = found.sampling
    assert (sampling.extra, sampling.seed, sampling.max_tokens) == ({}, None, 1500)
    expected = "qwen3-4b-2507" if text else EMBEDDED_MODEL
    assert resolved(tmp_path, text, "embedded").model == expected
    assert resolved(tmp_path, text, model="demo") == resolved(tmp_path, "", "embedded")


def test_a_name_that_no_model_has_names_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"serves no model 'mistral-3-3b'\. Did you mean 'minist"):
        resolved(tmp_path, "", "embedded", "mistral-3-3b")
    with pytest.raises(UsageError, match="serves no model 'gpt-4'"):
        resolved(tmp_path, "[endpoints.embedded]\nmodel = 'gpt-4'")
    with pytest.raises(UsageError, match="serves 'big' only"):
        resolved(tmp_path, "[endpoints.own]\nweights = 'big.gguf'", "own", "ministral-3-3b")


@pytest.mark.parametrize("end", ["", "/", "/chat/completions", "/chat/completions/"])
def test_a_base_url_may_be_pasted_in_full(tmp_path: Path, end: str) -> None:
    text = f"[endpoints.a]\nmodel = 'm'\nbase_url = 'http://h:8000/v1{end}'"
    assert resolved(tmp_path, text, "a").base_url == "http://h:8000/v1"


def test_ollama_is_asked_where_its_own_variable_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OLLAMA_HOST", "gpu:8080")
    assert resolved(tmp_path, "", "ollama", "m").base_url == "http://gpu:8080/v1"
    own = "[endpoints.a]\npreset = 'ollama'\nmodel = 'm'\n"
    assert resolved(tmp_path, own, "a").base_url == "http://gpu:8080/v1"
    written = f"{own}base_url = 'http://other/v1'"
    assert resolved(tmp_path, written, "a").base_url == "http://other/v1"
    assert resolved(tmp_path, "", "vllm", "m").base_url == PRESETS["vllm"]["base_url"]
    monkeypatch.setenv("OLLAMA_HOST", " ")
    assert resolved(tmp_path, own, "a").base_url == PRESETS["ollama"]["base_url"]
    monkeypatch.setenv("OLLAMA_HOST", "http://me:hunter2@gpu")
    with pytest.raises(UsageError, match=r"OLLAMA_HOST holds credentials.*base_url") as refusal:
        resolved(tmp_path, own, "a")
    assert "hunter2" not in str(refusal.value)


def test_an_unset_key_names_its_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    endpoint = resolved(tmp_path, "", "mistral", "m")
    for value in (None, "", "  "):
        if value is not None:
            monkeypatch.setenv("MISTRAL_API_KEY", value)
        with pytest.raises(EndpointError, match="MISTRAL_API_KEY, which is not set"):
            endpoint.api_key()
    monkeypatch.setenv("MISTRAL_API_KEY", f" {SECRET}\n")
    assert endpoint.api_key() == SECRET
    assert resolved(tmp_path, "", "embedded").api_key() is None


def test_weights_are_kept_where_the_user_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/x")
    monkeypatch.delenv("PANEL_CACHE", raising=False)
    assert cache_folder() == Path("/x/reviewer-panel")
    monkeypatch.setenv("PANEL_CACHE", "/y")
    assert cache_folder() == Path("/y")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[sampling.extra]\nx = 2020-01-01", "holds a value that JSON cannot say"),
        ("[sampling.extra]\nx = [nan]", "holds a value that JSON cannot say"),
        ("[sampling.extra]\nmodel = 'm'", "names 'model', which the program itself sends"),
        ("[sampling.extra]\nMessages = []", "names 'Messages', which the program itself sends"),
        ("[endpoints.a.sampling.extra]\n'meſſages' = []", "which the program itself sends"),
        ("[sampling.extra]\ntemperature = 1", "names 'temperature', which the program itself"),
        ("[sampling.extra]\nx = 0x1" + "0" * 4299, "holds a value that JSON cannot say"),
        ("[sampling.extra]\n" + "a." * 800 + "b = 1", "nests deeper than 32 levels"),
        ("[sampling.extra]\na = " + "[" * 90 + "]" * 90, "nests deeper than 32 levels"),
        ("[sampling.extra]\n" + "a." * 100_000 + "b = 1", "1,000 dots in one line"),
        ("[sampling.extra]\na = [{api_key = 'x'}]", "a secret must not be in this file"),
        ("[sampling]\nseed = 1" + "0" * 30, "must be less than"),
        ("[endpoints.embedded.prices]\nprompt = inf\ncompletion = 1", "must be a number"),
        ("\n".join(f"k{number} = 1" for number in range(9_000)), "8,900 more problems"),
        ("# " + "x" * 1_000_000, "more than 1,000,000 characters"),
    ],
)
def test_settings_that_no_request_can_hold_or_that_take_long_are_refused(
    tmp_path: Path, text: str, told: str
) -> None:
    (tmp_path / "panel.toml").write_text(text, encoding="utf-8")
    with pytest.raises(WorkspaceError, match=told):
        load_settings(tmp_path)
