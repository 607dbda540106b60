"""Where editors have each take: folded by decisions.py, kept in the store and read here."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from typing import Any

import duckdb

from panel.decisions import Decision, Pair, ReviewState, Revision, replay, revision_of
from panel.store.rows import put

_NAMES = [item.name for item in fields(Decision)]
_SELECT = ", ".join(_NAMES)


def put_review_states(connection: duckdb.DuckDBPyConnection, pairs: Iterable[Pair]) -> None:
    """Work out where these pairs stand from all their decisions, and put that in place."""
    wanted = sorted(set(pairs))
    if not wanted:
        return
    found = chains(connection, (tool for tool, _persona in wanted))
    rows = []
    for pair in (pair for pair in wanted if pair in found):  # not those since renamed
        review = replay(found[pair])
        words = review.revision
        rows.append(
            {
                "tool": pair[0],
                "persona": pair[1],
                "state": review.state,
                "text": words and words.text,
                "fingerprint": words and words.fingerprint,
                "editor": words and words.editor,
                "decided_at": words and words.decided_at,
                "decision_id": words and words.decision_id,
                "published_id": review.published and review.published.decision_id,
                "guidance": review.guidance,
                "guided_by": review.guided_by,
                "note": review.note,
                "latest": review.latest,
                "in_force": list(review.in_force),
            }
        )
    put(connection, "review_states", rows, "OR REPLACE")


def review_states(connection: duckdb.DuckDBPyConnection) -> dict[Pair, ReviewState]:
    """Return where editors have every tool × persona that they have decided on.

    Whatever shows, freezes or publishes takes reads this, and nothing else, of decisions.
    """
    rows = connection.execute(
        "SELECT tool, persona, state, decision_id, published_id, guidance, guided_by, note, "
        "latest, in_force FROM journal.review_states ORDER BY tool, persona"
    ).fetchall()
    wanted = {id_ for row in rows for id_ in (row[3], row[4]) if id_}
    found = _decisions(connection, "WHERE decision_id IN (SELECT unnest(?))", [sorted(wanted)])
    words = _with_answers(connection, {each.decision_id: revision_of(each) for each in found})
    return {
        (tool, persona): ReviewState(
            state, words.get(id_), words.get(published), guidance, by, note, latest, tuple(force)
        )
        for tool, persona, state, id_, published, guidance, by, note, latest, force in rows
    }


def with_answers(
    connection: duckdb.DuckDBPyConnection, reviews: Mapping[Pair, ReviewState]
) -> dict[Pair, ReviewState]:
    """Return states that were replayed elsewhere as ``review_states`` has them."""
    words = {
        each.decision_id: each
        for review in reviews.values()
        for each in (review.revision, review.published)
        if each is not None
    }
    known = _with_answers(connection, words)
    return {
        pair: replace(
            review,
            revision=review.revision and known[review.revision.decision_id],
            published=review.published and known[review.published.decision_id],
        )
        for pair, review in reviews.items()
    }


def guidance_notes(connection: duckdb.DuckDBPyConnection) -> dict[Pair, str]:
    """Return the editors' notes that stand in questions now, by tool × persona."""
    rows = connection.execute(
        "SELECT tool, persona, guidance FROM journal.review_states WHERE guidance IS NOT NULL"
    ).fetchall()
    return {(tool, persona): note for tool, persona, note in rows}


def decisions_on(connection: duckdb.DuckDBPyConnection, tool: str, persona: str) -> list[Decision]:
    """Return the decisions on a tool × persona, oldest first, those taken back included."""
    return _decisions(connection, "WHERE tool = ? AND persona = ?", [tool, persona])


def chains(
    connection: duckdb.DuckDBPyConnection, tools: Iterable[str] | None = None
) -> dict[Pair, list[Decision]]:
    """Return every decision, oldest first, by tool × persona. tools: on these alone."""
    if tools is None:
        return _chains(connection, "", [])
    return _chains(connection, "WHERE tool IN (SELECT unnest(?::VARCHAR[]))", [sorted({*tools})])


def _chains(
    connection: duckdb.DuckDBPyConnection, where: str, values: list[Any]
) -> dict[Pair, list[Decision]]:
    found = sorted(_decisions(connection, where, values), key=lambda each: each.pair)
    grouped = itertools.groupby(found, key=lambda each: each.pair)  # sorting keeps their order
    return {pair: list(chain) for pair, chain in grouped}


def _decisions(
    connection: duckdb.DuckDBPyConnection, where: str, values: list[Any]
) -> list[Decision]:
    rows = connection.execute(
        f"SELECT {_SELECT} FROM journal.decisions {where} ORDER BY decided_at, decision_id", values
    ).fetchall()
    found = []
    for row in rows:
        read = dict(zip(_NAMES, row, strict=True))
        read["evidence"] = tuple(read["evidence"] or ())
        read["decided_at"] = read["decided_at"].isoformat(timespec="microseconds")
        found.append(Decision(**read))
    return found


_ANSWERS = """
SELECT a.attempt_id, strftime(a.finished_at, '%Y-%m-%dT%H:%M:%SZ'), a.output_mode, a.beats,
       a.persona, a.persona_record, a.profile
FROM journal.current_attempts AS a
WHERE a.attempt_id IN (SELECT unnest(?))
"""
# As they were when asked; of an answer thawed from verdicts/, which does not know them, as now.
_LABELS = """
SELECT persona, digest, record FROM journal.personas WHERE digest IN (SELECT unnest(?))
UNION ALL SELECT persona, NULL, record FROM personas
"""


def _with_answers(
    connection: duckdb.DuckDBPyConnection, words: dict[str, Revision]
) -> dict[str, Revision]:
    """Add to each wording what its answer alone knows, which another may have replaced since.

    The beats carry the labels that they had when the reviewer was asked.
    """
    wanted = sorted({each.attempt_id for each in words.values()})
    rows = connection.execute(_ANSWERS, [wanted]).fetchall()
    digests = sorted({row[5] for row in rows if row[5]})
    labels = {
        (persona, digest): {beat["id"]: beat["label"] for beat in json.loads(record)["beats"]}
        for persona, digest, record in connection.execute(_LABELS, [digests]).fetchall()
    }
    known = {}
    for attempt_id, asked_at, output_mode, beats, persona, digest, profile in rows:
        label = labels.get((persona, digest)) or labels.get((persona, None), {})
        said = json.loads(beats) if beats else {}
        laid = tuple((label.get(beat, beat), text) for beat, text in said.items())
        known[attempt_id] = {
            "beats": laid,
            "asked_at": asked_at,
            "output_mode": output_mode,
            "demo": profile is not None,
        }
    return {id_: replace(each, **known.get(each.attempt_id, {})) for id_, each in words.items()}
