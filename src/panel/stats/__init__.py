"""The arithmetic of votes: of one tool (votes), and of a panel over many tools.

Over many tools: how often each persona ships and as how many votes they count (health), how far
they agree (agreement), what each does to the majority (influence), how often an answer flips
(flips). The standard library suffices.
"""

from panel.stats.agreement import (
    Agreement,
    agreement_of_counts,
    agreement_of_ratings,
    jackknife,
    rating_counts,
)
from panel.stats.flips import flip_rate, true_flip_rate
from panel.stats.health import (
    ENOUGH,
    SHIPS,
    PanelHealth,
    PersonaPair,
    PersonaRate,
    Said,
    Votes,
    effective_votes,
    health_of,
    panel_health,
    phi,
)
from panel.stats.influence import Influence, influences, influences_of, shapley
from panel.stats.votes import (
    SURE,
    Z_95,
    Interval,
    Outcome,
    PanelResult,
    Rate,
    ShipOrSkip,
    Tally,
    at_least,
    beta_binomial,
    combine,
    newcombe,
    ships_probability,
    tally,
    wilson,
)

__all__ = [
    "ENOUGH",
    "SHIPS",
    "SURE",
    "Z_95",
    "Agreement",
    "Influence",
    "Interval",
    "Outcome",
    "PanelHealth",
    "PanelResult",
    "PersonaPair",
    "PersonaRate",
    "Rate",
    "Said",
    "ShipOrSkip",
    "Tally",
    "Votes",
    "agreement_of_counts",
    "agreement_of_ratings",
    "at_least",
    "beta_binomial",
    "combine",
    "effective_votes",
    "flip_rate",
    "health_of",
    "influences",
    "influences_of",
    "jackknife",
    "newcombe",
    "panel_health",
    "phi",
    "rating_counts",
    "shapley",
    "ships_probability",
    "tally",
    "true_flip_rate",
    "wilson",
]
