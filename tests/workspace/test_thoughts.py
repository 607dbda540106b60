"""Thoughts are no answer: whatever marks them, whatever braces they hold, cut off or not."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from panel.workspace.personas import load_personas
from panel.workspace.thoughts import next_mark
from panel.workspace.verdict import UnparsableReply, parse
from tests.support.space import ROOT

SKEPTIC = load_personas(ROOT / "personas")[1]


def written(verdict: str, **changes: object) -> str:
    beats = {beat.id: f"About {beat.id}." for beat in SKEPTIC.beats}
    fields = {"evidence": ["a quote"], **beats, "verdict": verdict, "verdict_confidence": 70}
    return json.dumps({**fields, **changes})


ANSWER, DRAFT = written("skip"), written("ship")
PAIRS = {
    "think": ("<think>", "</think>"),
    "capitals": ("<Think>\n", "\n</THINK>"),
    "thinking": ("<thinking>", "</thinking>"),
    "attributes": ('<thought id="1">', "</thought>"),
    "reasoning": ("<reasoning>", "</reasoning>"),
    "magistral": ("[THINK]", "[/THINK]"),
    "kimi": ("◁think▷", "◁/think▷"),
    "seed": ("<seed:think>", "</seed:think>"),
    "open thinker": ("<|begin_of_thought|>", "<|end_of_thought|>"),
    "cohere": ("<|START_THINKING|>", "<|END_THINKING|><|START_RESPONSE|>"),
    "apertus": ("<|inner_prefix|>", "<|inner_suffix|>"),
    "gemma": ("<|channel>thought\n", "<channel|>"),
    "medgemma": ("<unused94>thought\n", "<unused95>"),
    "gemini": ("<ctrl94>thought\n", "<ctrl95>"),
    "pangu": ("[unused16]", "[unused17]"),
    "longcat": ("<longcat_think>", "</longcat_think>"),
    "a number": ("<think_51bce0c785ca2f68081bfa7d91973934>", "</think_51bce0c785ca2f68>"),
    "a name behind": ("<think:opensource>", "</think:opensource>"),
    "a side behind": ("<|reasoning_start|>", "<|reasoning_end|>"),
    "in words": ("[BEGIN OF THOUGHT]", "[END OF THOUGHT]"),
    "other brackets": ("‹think›", "‹/think›"),
    "escaped": ("&lt;think&gt;", "&lt;/think&gt;"),
    "open webui": ('<details type="reasoning" done="false"><summary>Hm</summary>', "</details>"),
    "granite": ("Here is my thought process:\n", "\nHere is my response:\n"),
    "harmony": (
        "<|channel|>analysis<|message|>",
        "<|end|><|start|>assistant<|channel|>final<|message|>",
    ),
    "harmony, call": (
        "<|start|>assistant<|channel|>analysis<|message|>",
        "<|end|><|channel|>commentary to=functions.give_verdict <|constrain|>json<|message|>",
    ),
}
THOUGHTS = {
    "a draft": DRAFT,
    "a brace": 'Fields are {"evidence": [...], and so on',
    "two braces": "{ {evidence, verdict",
    "a closing brace": "} and }",
    "a cut draft": DRAFT[:-9],
    "a draft and words": f"Perhaps {DRAFT}? No.",
}
pairs = pytest.mark.parametrize(("opened", "closed"), PAIRS.values(), ids=PAIRS)


def refused(reply: str, whole: bool = True) -> str:
    with pytest.raises(UnparsableReply) as refusal:
        parse(reply, SKEPTIC, whole)
    return str(refusal.value)


@pairs
@pytest.mark.parametrize("thought", THOUGHTS.values(), ids=THOUGHTS)
def test_the_answer_after_a_thought_is_read(opened: str, closed: str, thought: str) -> None:
    for whole in (True, False):
        for reply in (
            opened + thought + closed + ANSWER,
            f"\n {opened}{thought}{closed}\n{ANSWER}",
        ):
            assert parse(reply, SKEPTIC, whole).verdict == "skip"


@pairs
@pytest.mark.parametrize("thought", THOUGHTS.values(), ids=THOUGHTS)
def test_a_thought_without_an_answer_is_no_verdict(opened: str, closed: str, thought: str) -> None:
    """Cut off, or ended with nothing after it."""
    for reply in (opened + thought, f"Let me see. {opened}{thought}", opened + thought + closed):
        for whole in (True, False):
            assert refused(reply, whole)


@pytest.mark.parametrize("closed", ["</think>", "[/THINK]", "</thinking>", "◁/think▷"])
@pytest.mark.parametrize("thought", THOUGHTS.values(), ids=THOUGHTS)
def test_a_thought_that_the_template_opened_ends_where_it_is_closed(
    thought: str, closed: str
) -> None:
    """Many chat templates put the opening mark into the prompt."""
    assert parse(f"Well. {thought}{closed}{ANSWER}", SKEPTIC).verdict == "skip"


@pytest.mark.parametrize(
    "reply",
    [
        "<think>one <think>two</think> DRAFT</think>ANSWER",
        "<think>one <reasoning>two</reasoning> DRAFT</think>ANSWER",
        "<think>I write <think> first. DRAFT</think>ANSWER",
        "<thinking>DRAFT</think>ANSWER",
        "<think>one</think>DRAFT<think>two</think>ANSWER",
        "<think>one</think>ANSWER<think>DRAFT</think>",
        "<think></think>ANSWER",
        "<think>DRAFT</think>ANSWER<think>",
        "DRAFT</think>ANSWER",
        "analysisMaybe DRAFT? No.assistantfinalANSWER",
        "analysisMaybe {not assistantcommentary to=functions.give_verdict jsonANSWER",
        "analysis<|message|>DRAFT or {<|end|><|start|>assistant<|channel|>final<|message|>ANSWER",
        "Analysis follows. ANSWER",
        "<|channel|>analysis<|message|>DRAFT<|start|>assistant<|channel|>final<|message|>ANSWER",
        "<|channel|>analysis<|message|>a<|end|><|channel|>final<|message|>ANSWER<|return|>",
    ],
)
def test_nested_doubled_and_leaked_marks_leave_the_answer(reply: str) -> None:
    said = reply.replace("DRAFT", DRAFT).replace("ANSWER", ANSWER)
    assert parse(said, SKEPTIC).verdict == "skip"


@pytest.mark.parametrize(
    "reply",
    [
        "<think>one <think>two</think> DRAFT",
        "<think>one <reasoning>two</reasoning> DRAFT",
        "<thinking>use </reasoning> or DRAFT",
        "<think>DRAFT",
        "Sure. <think>hm DRAFT\n",
        "analysis<|message|>DRAFT",
        "analysisI could say DRAFT",
    ],
)
def test_a_reply_cut_short_in_a_nested_thought_is_no_verdict(reply: str) -> None:
    assert refused(reply.replace("DRAFT", DRAFT), whole=False) == "the thought never ends"


def test_marks_inside_the_answer_are_words_of_it() -> None:
    for words in ("It cuts <think> and </think> out.", "Send [THINK] or <|channel|>analysis."):
        answer = written("skip", evidence=[words])
        for reply in (answer, f"<think>{DRAFT}</think>\n{answer}", f"```json\n{answer}\n```"):
            assert parse(reply, SKEPTIC).evidence == (words,)


def test_the_end_of_a_thought_inside_an_answer_that_was_cut_frees_nothing_behind_it() -> None:
    """The vendor's verdict stands in the model's own object, which is not whole."""
    own = '{"evidence": ["It cuts </think> out."], "vendor": '
    assert refused(own + DRAFT) and refused(own + DRAFT + "}")


def test_a_reply_cut_short_counts_only_where_its_object_ends_it() -> None:
    """Else the object may be a quotation or a draft, and the model's own was still to come."""
    for reply in (
        f"The vendor writes {DRAFT}. I answer:",
        f"{DRAFT} Hmm, wait. The vendor does give prices, so I sh",
        f"Thinking Process:\n{DRAFT}",
    ):
        assert "opens with a thought" in (said := refused(reply, whole=False)) or "cut" in said
    for reply in (ANSWER, f"I answer: {ANSWER}", f"```json\n{ANSWER}\n```"):
        assert parse(reply, SKEPTIC, whole=False).verdict == "skip"


HEADINGS = (
    "thought\n",
    "Thinking Process:\n1. Draft: ",
    "**Thinking:** ",
    "Here are my reasoning steps:\n",
    "# My thoughts\n\n",
    "Here's a thinking process that leads to the answer:\n\n",
)


@pytest.mark.parametrize("heading", HEADINGS)
def test_a_reply_that_opens_with_the_heading_of_a_thought_must_end_with_its_object(
    heading: str,
) -> None:
    assert "opens with a thought" in refused(f"{heading}{DRAFT}\nHmm, no. Rather skip.")
    assert parse(f"{heading}{DRAFT}\nHmm, no.\n```json\n{ANSWER}\n```", SKEPTIC).verdict == "skip"
    ended = f"{heading}{DRAFT}</think>{ANSWER} I mean it."
    assert parse(ended, SKEPTIC).verdict == "skip"


@pytest.mark.parametrize(
    "opening",
    [
        "My verdict:\n",
        "I gave it some thought. ",
        "[How it thinks](https://a.b) is told. ",
        "Sure!\n",
    ],
)
def test_words_that_open_no_thought_may_stand_around_the_answer(opening: str) -> None:
    assert parse(f"{opening}{ANSWER}\nAsk me for more.", SKEPTIC).verdict == "skip"


def test_where_only_a_thought_is_there_its_object_must_stand_alone() -> None:
    for reply in (f"First draft:\n```json\n{DRAFT}\n```", f"{DRAFT} Hm", DRAFT + ANSWER):
        with pytest.raises(UnparsableReply, match="it may be a draft"):
            parse(reply, SKEPTIC, alone=True)
    for reply in (ANSWER, f"```json\n{ANSWER}\n```", f"Perhaps {DRAFT}</think>{ANSWER}"):
        assert parse(reply, SKEPTIC, alone=True).verdict == "skip"


fragments = st.sampled_from(
    [*(mark for pair in PAIRS.values() for mark in pair), DRAFT, DRAFT[:-3], "{", "}", '"', "so"]
)


@given(st.lists(fragments, max_size=8).map("".join), st.booleans())
def test_no_draft_is_read_out_of_a_thought_that_was_cut(thought: str, whole: bool) -> None:
    """Whatever marks and braces of others stand in it; ended, it may hide the answer at most."""
    inside = thought.replace("<|inner_suffix|>", "")
    assert refused(f"<|inner_prefix|>{inside} .", whole=False)
    try:
        answered = parse(f"<|inner_prefix|>{inside}<|inner_suffix|>{ANSWER}", SKEPTIC, whole)
    except UnparsableReply:
        return
    assert answered.verdict == "skip"


class Watched(str):
    """A text that counts how often it is read from end to end for its small letters."""

    reads = 0

    def lower(self) -> str:
        Watched.reads += 1
        return super().lower()


@pytest.mark.parametrize("mark", ["assistantfinal ", "<think></think>"])
def test_a_text_is_looked_through_once_however_many_marks_it_has(mark: str) -> None:
    text, place, marks, Watched.reads = Watched(mark * 500), 0, 0, 0
    while found := next_mark(text, place):
        place, marks = found.end, marks + 1
    assert marks >= 500 and Watched.reads == 1
