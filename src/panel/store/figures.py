"""The SQL of a report's figures: the text that a page shows is the text that is run.

Each query begins with ``answers``, what the source's cells ended as, and ``requests``, all that
was asked for them: repairs and failed tries are requests, too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from panel.stats import Z_95
from panel.store.connection import Connection

DEMO_VERDICT = "demo"  # which one is not said
_CELL = "tool, persona, model_identity, templates_digest"
_OUTCOMES = """count(*) FILTER (verdict = 'ship') AS ships,
           count(*) FILTER (outcome = 'verdict') AS n,
           count(*) FILTER (outcome = 'abstain') AS abstains,
           count(*) FILTER (outcome = 'error') AS errors"""


@dataclass(frozen=True, slots=True)
class Condition:
    """Whose answers: of a source, those of one arm, model and prompt.

    kind, name, arm: as in ``panel.research.frame.Source``. model: an identity. prompt: the hash
    of the templates.
    """

    kind: str
    name: str
    arm: str
    model: str
    prompt: str


def answers_sql(of: Condition) -> str:
    """Return the beginning of every query: the answers and the requests of a condition."""
    same = f"model_identity = {_quoted(of.model)} AND templates_digest = {_quoted(of.prompt)}"
    if of.kind == "run":
        run = f"FROM attempts WHERE run_id = {_quoted(of.name)}\n    AND {same}"
        return _with(f"SELECT * {run} AND final", f"SELECT * {run}")
    answers = f"SELECT * FROM verdicts WHERE {same}"
    if of.kind == "experiment":
        arm = f"experiment = {_quoted(of.name)} AND arm = {_quoted(of.arm)}"
        answers = (
            f"SELECT *, asked_at AS finished_at\n    FROM observations WHERE {arm}\n    AND {same}"
        )
    asked = "SELECT * FROM attempts SEMI JOIN answers USING (tool, persona, fingerprint)"
    return _with(answers, f"{asked}\n    WHERE NOT canary")


def _with(answers: str, requests: str) -> str:
    return f"WITH answers AS (\n    {answers}\n), requests AS (\n    {requests}\n)"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def ship_percent_sql(begin: str) -> str:
    """Each tool's ship percentage, its personas of equal weight, with its Wilson interval."""
    return f"""{begin}, counted AS (
    SELECT tool, persona, {_OUTCOMES}
    FROM answers GROUP BY ALL
), tools AS (
    SELECT tool, sum(ships) AS ships, sum(n) AS n,
           avg(ships / n) FILTER (n > 0) AS share,
           count(*) FILTER (n > 0) ** 2 / sum(1 / n) FILTER (n > 0) AS votes,
           sum(abstains) AS abstains, sum(errors) AS errors
    FROM counted GROUP BY tool
), centred AS (
    SELECT *, {Z_95} ** 2 AS zz, share * (1 - share) / votes + zz / (4 * votes ** 2) AS spread
    FROM tools
)
SELECT tool, 100 * share AS ship_percent,
       100 * greatest(0, (share + zz / (2 * votes) - {Z_95} * sqrt(spread)) / (1 + zz / votes))
           AS low,
       100 * least(1, (share + zz / (2 * votes) + {Z_95} * sqrt(spread)) / (1 + zz / votes))
           AS high,
       ships, n, abstains, errors
FROM centred ORDER BY round(ship_percent, 6) DESC NULLS LAST, tool"""


def counts_sql(begin: str) -> str:
    """Count the outcomes of each tool × persona, model and templates."""
    return f"""{begin}
SELECT {_CELL},
           {_OUTCOMES}
FROM answers GROUP BY ALL ORDER BY ALL"""


def map_sql(begin: str) -> str:
    """Count the outcomes of each tool × persona."""
    return f"""{begin}
SELECT tool, persona,
           {_OUTCOMES},
       100 * ships / n AS ship_percent
FROM answers GROUP BY ALL ORDER BY tool, persona"""


def outcomes_sql(begin: str) -> str:
    """How many answers ended as what. A demo model's verdicts are counted together."""
    return f"""{begin}
SELECT * FROM (
    SELECT if(profile IS NOT NULL AND outcome = 'verdict', '{DEMO_VERDICT}',
              coalesce(verdict, outcome)) AS ended, reason, count(*) AS answers
    FROM answers GROUP BY ended, reason
) ORDER BY list_position(['ship', 'skip', 'abstain', 'error'], ended), answers DESC, reason"""


_FACTORS = """concat_ws(', ', 'temperature ' || temperature, 'top_p ' || top_p,
           'max_tokens ' || max_tokens, if(seed IS NULL, NULL, 'seed moves on with the repeat'))"""


def origins_sql(begin: str, factors: bool = False) -> str:
    """Which model answered, to which prompts and sampling, how structure was asked for, when."""
    sampling = _FACTORS if factors else "NULL"
    return f"""{begin}
SELECT model_identity, returned_model, endpoint, output_mode, templates_digest,
       {sampling} AS sampling, adapted,
       list(DISTINCT sampling_digest ORDER BY sampling_digest) AS samplings,
       count(*) AS answers,
       strftime(min(finished_at), '%Y-%m-%d %H:%M') AS first,
       strftime(max(finished_at), '%Y-%m-%d %H:%M') AS last
FROM answers GROUP BY ALL ORDER BY answers DESC, first, model_identity"""


def stated_sql(begin: str) -> str:
    """List the P(ship) that a cell's repeats stated, 0 to 1, and whether they shipped."""
    return f"""{begin}
SELECT {_CELL},
       list(if(verdict = 'ship', confidence, 100 - confidence) / 100 ORDER BY repeat) AS stated,
       list((verdict = 'ship')::INTEGER ORDER BY repeat) AS ships
FROM answers WHERE outcome = 'verdict' AND confidence IS NOT NULL
GROUP BY ALL HAVING count(*) > 1 ORDER BY {_CELL}"""


def latency_sql(begin: str) -> str:
    """Seconds of a request, by persona and of all (persona is null)."""
    return f"""{begin}
SELECT persona, count(*) AS requests, quantile_cont(seconds, 0.1) AS p10,
       quantile_cont(seconds, 0.5) AS p50, quantile_cont(seconds, 0.9) AS p90,
       quantile_cont(seconds, 0.99) AS p99, max(seconds) AS longest
FROM requests WHERE seconds IS NOT NULL {_GROUPED}"""


def tokens_sql(begin: str) -> str:
    """Tokens of the requests whose server counted them, by persona and of all."""
    return f"""{begin}
SELECT persona, count(*) AS requests,
       count(*) FILTER (prompt_tokens IS NOT NULL AND completion_tokens IS NOT NULL) AS counted,
       avg(prompt_tokens) AS prompt_mean, avg(completion_tokens) AS completion_mean,
       quantile_cont(completion_tokens, 0.9) AS completion_p90,
       sum(prompt_tokens)::BIGINT AS prompt_tokens,
       sum(completion_tokens)::BIGINT AS completion_tokens,
       sum(cached_tokens)::BIGINT AS cached_tokens
{_BY_PERSONA}"""


def cost_sql(begin: str) -> str:
    """Sum what the requests with a known price cost, by persona and of all."""
    return f"""{begin}
SELECT persona, count(*) AS requests, count(cost_usd) AS priced,
       count(*) FILTER (cost_usd IS NOT NULL AND outcome = 'verdict') AS verdicts,
       sum(cost_usd) AS cost_usd, sum(cost_usd) / nullif(verdicts, 0) AS usd_per_verdict
{_BY_PERSONA}"""


_GROUPED = "GROUP BY GROUPING SETS ((persona), ()) ORDER BY persona NULLS FIRST"
_BY_PERSONA = f"FROM requests {_GROUPED}"


def arms_sql(experiment: str) -> str:
    """Count the outcomes of each arm, tool and persona of an experiment."""
    return f"""SELECT arm, tool, persona,
           {_OUTCOMES}
FROM observations WHERE experiment = {_quoted(experiment)} AND outcome IS NOT NULL
GROUP BY ALL ORDER BY ALL"""


def factors_sql(experiment: str) -> str:
    """Every factor of each arm of an experiment's latest version, in the order of its file."""
    return f"""SELECT arm, endpoint, model, labels, verdict_field, temperature, top_p, max_tokens,
       min(seed) AS seed, extra, max(repeat) AS repeats, count(DISTINCT tool) AS tools,
       count(DISTINCT persona) AS personas, prompts_hash, personas_hash, tools_hash,
       count(*) AS cells, count(outcome) AS answered
FROM observations JOIN (SELECT experiment, version, arm, place FROM journal.arms)
     USING (experiment, version, arm)
WHERE experiment = {_quoted(experiment)} GROUP BY ALL ORDER BY any_value(place)"""


def run_sql(run_id: str) -> str:
    """Find a run by its id."""
    return f"SELECT run_id FROM runs WHERE run_id = {_quoted(run_id)}"


def superseded_sql(model: str) -> str:
    """Count the answers to wordings that are not the present one, of a model."""
    return f"SELECT count(*) AS answers FROM superseded WHERE model_identity = {_quoted(model)}"


def flips_sql(begin: str) -> str:
    """How often two repeats of a cell differ, in percent: of all personas (null), and of each."""
    return f"""{begin}, cells AS (
    SELECT {_CELL}, count(*) FILTER (verdict = 'ship') AS ships, count(*) AS n,
           2 * ships * (n - ships) / (n * (n - 1)) AS flip
    FROM answers WHERE outcome = 'verdict' GROUP BY ALL HAVING n > 1
), tools AS (
    SELECT tool, avg(flip) AS flip, count(*) AS cells FROM cells GROUP BY tool
)
SELECT NULL AS persona, 100 * avg(flip) AS flips, sum(cells)::BIGINT AS cells FROM tools
UNION ALL SELECT persona, 100 * avg(flip), count(*) FROM cells GROUP BY persona
ORDER BY persona NULLS FIRST"""


def fetched(connection: Connection, sql: str) -> list[dict[str, Any]]:
    """Run one of these queries; returns rows by the names of the columns."""
    cursor = connection.execute(sql)
    names = [column[0] for column in cursor.description or []]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
