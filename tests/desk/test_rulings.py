"""Verdicts of an editor's own, and words that take two editors: shown, published, frozen."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from panel.decisions import ConflictError
from panel.errors import UsageError
from panel.frozen.files import FOLDER
from panel.store.history import changes
from panel.store.ingest import opened
from tests.support.desk_session import desk_open, stands
from tests.support.editors import PAIR, do, entry, undo
from tests.support.frozen_verdicts import freeze
from tests.support.results import cards_of, thaw
from tests.support.runs import run
from tests.support.space import Panel, Space
from tests.support.templates import Make, all_ship

WHY = "nobody could buy it"


def other(space: Space) -> str:
    """Return the verdict that the reviewer did not give."""
    seen = entry(space)
    assert seen.answer is not None
    return "skip" if seen.answer.verdict == "ship" else "ship"


def two_editors(space: Space) -> None:
    """Let words be published only when two editors have approved them."""
    settings = space.root / "panel.toml"
    settings.write_text(settings.read_text() + "\n[desk]\nsign_off = 2\n")


@pytest.mark.parametrize("why", [None, "", "No.", "two words"])
def test_another_verdict_than_the_reviewers_wants_a_few_words_of_reason(
    asked: Space, why: str | None
) -> None:
    with pytest.raises(UsageError, match="Say in a few words why"):
        do(asked, "approve", verdict=other(asked), verdict_reason=why, note="Read.")
    assert entry(asked).review.published is None


@pytest.mark.slow
def test_an_editors_verdict_is_shown_as_the_editors_and_no_vote_changes(
    asked: Space, panel: Panel
) -> None:
    verdict, votes = other(asked), entry(asked).tally
    do(asked, "approve", verdict=verdict, verdict_reason=f" {WHY}\n<b>", note="Read.")
    now = entry(asked)
    words = now.review.published
    assert words is not None and (words.verdict, words.verdict_reason) == (verdict, f"{WHY} <b>")
    assert words.answered != verdict and words.confidence is None, "it was of the other verdict"
    assert now.tally == votes and not now.flips
    card = next(card for card in cards_of(asked.root) if card.tool == "anvil")
    (line,) = (line for line in card.lines if line.persona == "builder")
    assert line.take is not None and line.take.verdict_reason and line.tally == votes
    assert panel("publish", asked.root / "site", cwd=asked.root).code == 0
    page = " ".join((asked.root / "site" / "tools" / "anvil.html").read_text("utf-8").split())
    assert f"{verdict.capitalize()}, by the editor" in page and f"{WHY} &lt;b&gt;" in page
    assert f"The reviewer said {words.answered}, and is counted so in the percentage." in page
    with desk_open(asked.root) as session:
        shown = " ".join(session.get("/take/anvil/builder")[1].split())
        assert f"{verdict.capitalize()}, by the editor Ada:" in shown
        assert "the percentage counts that" in shown


@pytest.mark.slow
def test_an_editors_verdict_stays_with_the_words_until_it_is_set_back(asked: Space) -> None:
    verdict = other(asked)
    do(asked, "edit", verdict=verdict, verdict_reason=WHY)
    do(asked, "edit", text="Other words.")
    do(asked, "approve", note="Read.")
    assert entry(asked).review.published.verdict == verdict  # type: ignore[union-attr]
    answered = entry(asked).answer
    assert answered is not None
    do(asked, "approve", verdict=answered.verdict, note="Read.")
    words = entry(asked).review.published
    assert words is not None and (words.verdict, words.verdict_reason) == (answered.verdict, None)
    with opened(asked.root / "runs") as connection:
        assert [each.reason for each in changes(connection)] == ["an editor's verdict"] * 2
    undo(asked)
    assert entry(asked).review.published.verdict == verdict  # type: ignore[union-attr]


@pytest.mark.slow
def test_an_editors_verdict_is_frozen_checked_and_thawed(asked: Space, panel: Panel) -> None:
    do(asked, "approve", ("bellows", "builder"), note="Read.")
    freeze(asked)
    before = (asked.root / FOLDER / "bellows.json").read_bytes()
    assert b"verdict_reason" not in before and b"sign_off" not in before
    verdict = other(asked)
    do(asked, "approve", verdict=verdict, verdict_reason=WHY, note="Read.")
    freeze(asked)
    assert (asked.root / FOLDER / "bellows.json").read_bytes() == before
    filed = json.loads((asked.root / FOLDER / "anvil.json").read_text())["personas"]["builder"]
    assert filed["verdict"] == verdict and filed["decisions"][0]["verdict_reason"] == WHY
    checked = panel("check", "--frozen", cwd=asked.root)
    assert checked.code == 0, checked.err
    for journal in asked.journals:
        journal.unlink()
    (asked.root / "runs" / "panel.duckdb").unlink()
    thaw(asked.root)
    words = entry(asked).review.published
    assert words is not None and (words.verdict, words.verdict_reason) == (verdict, WHY)
    freeze(asked)
    assert json.loads((asked.root / FOLDER / "anvil.json").read_text())["personas"]["builder"] == (
        filed
    )


@pytest.mark.slow
def test_words_that_take_two_editors_are_published_by_the_second_alone(
    asked: Space, panel: Panel
) -> None:
    two_editors(asked)
    do(asked, "approve", note="Read.")
    now = entry(asked)
    assert (now.state, now.review.published, now.waits) == ("signed", None, True)
    with pytest.raises(UsageError, match="another editor"):
        do(asked, "approve", editor="ADA", note="Again.")
    refused = panel("publish", asked.root / "site", cwd=asked.root)
    assert refused.code == 1 and "Nothing is approved yet" in refused.err
    do(asked, "approve", editor="Bo", note="Read.")
    words = entry(asked).review.published
    assert words is not None and words.editor == "Bo" and entry(asked).state == "approved"
    undo(asked)
    assert (entry(asked).state, entry(asked).review.published) == ("signed", None)


@pytest.mark.slow
def test_other_words_wait_for_two_again_and_the_published_ones_stay(asked: Space) -> None:
    do(asked, "approve", note="Read.")  # when one was enough
    two_editors(asked)
    first = entry(asked).review.published
    assert first is not None
    do(asked, "approve", text="Other words.", note="Read.")
    now = entry(asked)
    assert now.state == "signed" and now.review.published == first
    do(asked, "approve", text="Words of Bo.", editor="Bo", note="Read.")
    assert entry(asked).state == "signed", "these are others than Ada's"
    do(asked, "approve", note="Read.")
    assert entry(asked).review.published.text == "Words of Bo."  # type: ignore[union-attr]


@pytest.mark.slow
@pytest.mark.parametrize(
    "again", ["A d a", "\u00c1da", "A\u0301da", "Ada.", "\uff21DA", "Ad\u200ba"]
)
def test_the_same_name_in_another_spelling_signs_nothing(asked: Space, again: str) -> None:
    """Case, accents, marks and spaces make no second editor; other letters do."""
    two_editors(asked)
    do(asked, "approve", note="Read.")
    with pytest.raises(UsageError, match="another editor"):
        do(asked, "approve", editor=again, note="Again.")
    do(asked, "approve", editor="Adam", note="Read.")
    assert entry(asked).review.published is not None


@pytest.mark.slow
def test_the_reason_of_an_editors_verdict_takes_two_as_well(asked: Space) -> None:
    """Readers see it, so nobody publishes another one alone."""
    two_editors(asked)
    do(asked, "approve", verdict=other(asked), verdict_reason=WHY, note="Read.")
    do(asked, "approve", verdict_reason="it was never told", verdict=entry(asked).verdict,
       editor="Bo", note="Read.")  # fmt: skip
    assert (entry(asked).state, entry(asked).review.published) == ("signed", None)
    do(asked, "approve", note="Read.")
    words = entry(asked).review.published
    assert words is not None and words.verdict_reason == "it was never told"
    do(asked, "approve", verdict=words.verdict, verdict_reason=WHY, note="Read.")
    assert entry(asked).review.published == words and entry(asked).state == "signed"


def test_two_who_sign_at_once_do_not_pass_each_other(asked: Space) -> None:
    two_editors(asked)
    do(asked, "approve", note="Read.")
    with pytest.raises(ConflictError, match="Ada has approved"):
        do(asked, "approve", editor="Bo", follows=None, note="Read.")


@pytest.mark.slow
def test_a_desk_says_who_has_signed_and_shows_it_to_the_others(asked: Space) -> None:
    two_editors(asked)
    with desk_open(asked.root) as ada, desk_open(asked.root, editor="Bo") as bo:
        ada.decide(*PAIR, action="approve", stay="1")
        take = "/take/anvil/builder"
        assert "approved by Ada" in ada.get(take)[1] and "waits for a second" in ada.get(take)[1]
        assert f'href="{take}' not in ada.get("/")[1], "it is not Ada's to decide any more"
        assert f'href="{take}' in bo.get("/")[1]
        bo.decide(*PAIR, action="approve")
        assert stands(bo).published.editor == "Bo"
        assert ">approved</span>" in ada.get(take)[1]
        freeze(asked)
    filed = json.loads((asked.root / FOLDER / "anvil.json").read_text())["personas"]["builder"]
    assert filed["state"] == "approved"
    assert [each["sign_off"] for each in filed["decisions"]] == [2, 2]


@pytest.mark.slow
def test_the_reason_of_an_editors_verdict_takes_two_editors_too(asked: Space) -> None:
    """Readers see it, so that no second editor publishes one that the first has not seen."""
    two_editors(asked)
    verdict = other(asked)
    do(asked, "approve", verdict=verdict, verdict_reason=WHY, note="Read.")
    do(
        asked,
        "approve",
        editor="Bo",
        verdict=verdict,
        verdict_reason="Bo has his own",
        note="Read.",
    )
    assert entry(asked).review.published is None
    do(asked, "approve", note="Read.")
    first = entry(asked).review.published
    assert first is not None and first.verdict_reason == "Bo has his own"
    do(asked, "approve", verdict=verdict, verdict_reason="Ada thinks otherwise now", note="Read.")
    assert entry(asked).review.published == first


@pytest.mark.slow
@pytest.mark.parametrize("action", ["edit", "approve"])
def test_files_hold_with_an_editors_verdict_against_every_answer(
    copied: Callable[[Make], Space], panel: Panel, action: str
) -> None:
    """It is neither called changed by hand nor in need of more answers, published or not."""
    space = copied(all_ship)
    run(space, repeats=4)
    do(space, action, verdict="skip", verdict_reason=WHY, note="Read.")
    done = panel("freeze", "--json", cwd=space.root)
    assert json.loads(done.out)["kept"] == []
    checked = panel("check", "--frozen", cwd=space.root)
    assert checked.code == 0, checked.err
