"""A count of prompt tokens that is too small: a cache, a stub, or a window that cut the prompt."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from panel.endpoint.prompt_counts import PromptCounts, fewest_tokens
from panel.endpoint.usage import TokenUsage
from panel.workspace.prompts import Messages
from tests.support.space import ROOT, Panel, Space
from tests.support.weather import WEATHER, serve

# --- what cannot be fewer ---

# Texts, and the tokens that a large vocabulary (Mistral's Tekken, 131,072 entries) makes of them.
RUSSIAN = (
    "Международные организации предоставляют использование информационных технологий для "
    "государственного управления. Правительство Российской Федерации утвердило постановление "
    "о предоставлении государственных услуг населению. Компания разработала систему управления "
    "производственными процессами и автоматизации документооборота."
)
PROSE = (
    "It takes plain text and returns a short answer, and nothing here says what it costs to run "
    "for a month."
)
CHINESE = (
    "该工具可以帮助开发人员快速构建人工智能应用程序，并提供完善的技术支持和安全保障。"
    "中华人民共和国国务院关于加强国际合作的通知。"
)
JAPANESE = (
    "このツールは開発者が人工知能アプリケーションを迅速に構築できるように支援し、"
    "ありがとうございます。"
)
GREEK = (
    "Η διεθνής συνεργασία για την ανάπτυξη της τεχνολογίας είναι σημαντική για τις "
    "ευρωπαϊκές επιχειρήσεις και τους οργανισμούς."
)
COUNTED = [
    (PROSE, 23),
    (RUSSIAN, 60),
    (GREEK, 36),
    (CHINESE, 53),
    (JAPANESE, 32),
    ("이 도구는 개발자가 인공지능 애플리케이션을 빠르게 구축할 수 있도록 지원합니다.", 25),
    ("تساعد هذه الأداة المطورين على بناء تطبيقات الذكاء الاصطناعي بسرعة وأمان.", 22),
    ("    def __init__(self):\n        return self.value\n" * 50, 600),
    ("AbstractSingletonProxyFactoryBean InternalFrameInternalFrameTitlePane", 11),
    ("ha" * 500, 500),
    ("-=" * 500, 501),
    ("| --- " * 200, 401),
    ("very " * 300, 301),
    ("0" * 1000, 1000),
]


@pytest.mark.parametrize(("text", "tokens"), COUNTED)
def test_no_prompt_is_thought_cut_that_was_read_whole(text: str, tokens: int) -> None:
    assert fewest_tokens((("user", text),)) <= tokens


def test_blanks_and_rules_are_counted_once() -> None:
    """There are tokens for long runs of them."""
    assert fewest_tokens((("user", " " * 5000 + "=" * 5000 + "\n" * 5000),)) == 0


def test_the_projects_own_texts_are_counted_low_and_not_for_nothing() -> None:
    """Four characters to a token is what the mock counts, and what English has at most."""
    for folder in ("prompts", "personas", "tools"):
        for file in (ROOT / folder).rglob("*"):
            if file.suffix in (".md", ".j2"):
                text = file.read_text("utf-8")
                least = fewest_tokens((("system", text), ("user", text)))
                assert 2 * len(text) / 9 < least < 2 * len(text) / 4.5 or len(text) < 200


@given(st.lists(st.tuples(st.just("user"), st.text(max_size=300)), max_size=5).map(tuple))
def test_the_fewest_are_never_more_than_a_quarter_of_the_characters(messages: Any) -> None:
    characters = sum(len(text) + 1 for _role, text in messages)
    assert 0 <= fewest_tokens(messages) <= characters / 4


# --- what a small count means ---

RULES = "You review tools for people who build with them, and you say why in plain words. " * 60


def prompt(tool: str, rules: str = RULES, size: int = 20_000) -> Messages:
    """Return a prompt of about 25,000 characters, in which nothing of the tool is repeated."""
    described = " ".join(f"{tool} {number} does {number * 7919 % 10007}." for number in range(900))
    return (("system", rules), ("user", described[:size]))


def counted(read: int, cached: int | None = None) -> TokenUsage:
    return TokenUsage(read, 200, cached)


@pytest.mark.parametrize("read", [1000, 1024, 1026, 1502, 2047, 2048, 2050, 3000])
def test_a_window_that_is_too_small_convicts_every_prompt_it_cut(read: int) -> None:
    """Ollama keeps half of its window; the next prompts begin alike and were cut all the same."""
    counts = PromptCounts()
    for tool in ("anvil", "bellows", "crucible"):
        usage, cut = counts.judge(prompt(tool), counted(read))
        assert cut is not None and f"read {read:,} tokens" in cut
        assert usage.prompt_tokens == read
    assert counts.unbelieved == 0


def test_a_count_that_only_the_whole_prompt_explains_is_kept() -> None:
    assert PromptCounts().judge(prompt("anvil"), counted(5000)) == (counted(5000), None)


def test_a_beginning_that_the_request_before_had_explains_a_small_count() -> None:
    """Otherwise every second prompt of a persona would count as cut."""
    counts = PromptCounts()
    counts.judge(prompt("anvil"), counted(6000))
    usage, cut = counts.judge((*prompt("anvil"), ("user", "Again, please. " * 90)), counted(300))
    assert (usage.prompt_tokens, cut, counts.unbelieved) == (None, None, 1)


def test_a_server_that_counts_what_is_cached_has_no_such_excuse() -> None:
    """Most prompts fit into its window, and then comes a long one that begins as they do."""
    for tools, cut in ((4, True), (1, False)):
        counts = PromptCounts()
        for number in range(tools):
            usage = counted(1800)
            assert counts.judge(prompt(f"tool {number}", size=1500), usage) == (usage, None)
        assert (counts.judge(prompt("anvil", size=7000), counted(1026))[1] is not None) is cut


@pytest.mark.parametrize("read", [131, 700, 1437, 3100])
def test_what_an_earlier_run_left_in_the_cache_explains_a_small_count(read: int) -> None:
    """The first prompt of a run may begin as one of another run did, up to any place."""
    counts = PromptCounts()
    assert counts.judge(prompt("anvil"), counted(read)) == (TokenUsage(None, 200, None), None)
    assert counts.unbelieved == 1


@pytest.mark.parametrize("read", [1, 10, 127, 256, 500, 512, 514])
def test_a_count_below_any_window_convicts_nobody_and_is_left_out(read: int) -> None:
    counts = PromptCounts()
    assert counts.judge(prompt("anvil"), counted(read)) == (TokenUsage(None, 200, None), None)
    assert counts.unbelieved == 1


def test_a_window_that_the_server_tells_convicts_what_cannot_fit() -> None:
    told = PromptCounts(window=512)
    assert told.judge(prompt("anvil"), counted(512))[1] is not None
    counts = PromptCounts(window=1500)
    counts.judge(prompt("anvil"), counted(1400))
    assert counts.judge(prompt("anvil"), counted(1400))[1] is not None


def test_cached_tokens_that_are_told_are_added_before_anything_is_judged() -> None:
    counts = PromptCounts()
    assert counts.judge(prompt("anvil"), counted(900, 4000)) == (counted(900, 4000), None)
    assert counts.judge(prompt("anvil"), counted(1437, 200))[1] is None
    assert counts.judge(prompt("anvil"), counted(1502, 200))[1] is not None


@pytest.mark.sample(1)
@pytest.mark.parametrize(
    ("name", "unreliable"), [("uncached", True), ("uncached-told", False), ("stub", True)]
)
def test_a_server_that_counts_in_its_own_way_costs_no_verdict(
    space: Space, panel: Panel, name: str, unreliable: bool
) -> None:
    """The run says once that the counts are unreliable, and leaves them out."""
    with serve(WEATHER[name]) as (base_url, _mock):
        space.settings(WEATHER[name].toml(base_url, "concurrency = 4\n"))
        first = panel("run", "--json", cwd=space.root)
        space.tool("anvil", description="Another description, which shares the rules alone.")
        second = panel("run", "--json", cwd=space.root)
    for ran, cells in ((first, 8), (second, 4)):
        summary = json.loads(ran.out)
        assert (ran.code, summary["verdicts"], summary["asked"]) == (0, cells, cells)
        assert ran.err.count("counts of 'weather' are unreliable") == int(unreliable)


def test_the_doctor_calls_counts_unreliable_that_cannot_be(space: Space, panel: Panel) -> None:
    advice: dict[str, Any] = {}
    for name in ("stub", "ok"):
        with serve(WEATHER[name]) as (base_url, _mock):
            space.settings(WEATHER[name].toml(base_url))
            advice[name] = json.loads(panel("doctor", "--json", cwd=space.root).out)
    assert (advice["stub"]["miscounted"], advice["ok"]["miscounted"]) == (True, False)
    assert any("token counts are unreliable" in said for said in advice["stub"]["advice"])
