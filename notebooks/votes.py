"""A notebook on a workspace's votes, on the public API alone: `marimo edit notebooks/votes.py`."""

import marimo

app = marimo.App(width="medium")


@app.cell
def _():
    import os

    import marimo as mo

    import panel

    return mo, os, panel


@app.cell
def _(mo):
    mo.md(
        """
        # A panel's votes

        The workspace is that of `PANEL_WORKSPACE`, or the nearest above this folder. Nothing is asked here: the
        numbers are those of the answers in its store.
        """
    )


@app.cell
def _(os, panel):
    workspace = panel.Workspace.load(os.environ.get("PANEL_WORKSPACE", "."))
    verdicts = workspace.verdicts()
    return verdicts, workspace


@app.cell
def _(mo, verdicts):
    mo.stop(not verdicts, mo.md("The store holds no answer yet: `panel run` asks."))
    mo.ui.table(
        [
            {
                "tool": each.tool,
                "persona": each.persona,
                "model": each.model_identity,
                "repeat": each.repeat,
                "outcome": each.outcome,
                "verdict": each.verdict,
            }
            for each in verdicts
        ]
    )


@app.cell
def _(mo, verdicts, workspace):
    mo.stop(not verdicts)
    cards = workspace.scorecards()
    mo.ui.table(
        [
            {
                "tool": card.tool,
                "ship %": card.result.ship_percent,
                "n": card.result.n,
                "low": card.result.interval.low if card.result.interval else None,
                "high": card.result.interval.high if card.result.interval else None,
            }
            for card in cards
        ]
    )
    return (cards,)


@app.cell
def _(mo, verdicts, workspace):
    mo.stop(not verdicts)
    health = workspace.panel_health()
    effective = "not estimable" if health.effective is None else f"{health.effective:.1f}"
    mo.md(f"The personas count as **{effective}** independent votes, on {health.complete} tools.")
    return (health,)


if __name__ == "__main__":
    app.run()
