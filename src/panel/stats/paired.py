"""Two sets of votes on the same tools: exact tests, and p-values of many tools at once.

The standard library alone. p-values go from 0 to 1 and are two-sided unless said.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

FINEST = 10_000  # steps of 1: beyond it, differences are rounded, or few of them enumerated
FEW = 20  # so many tools: every one of their 2^20 sign patterns is looked at
Pair = tuple[int, int]  # ships, votes


@dataclass(frozen=True, slots=True)
class SignFlip:
    """p-values of a sign-flip permutation test of the mean of differences.

    more, less: one-sided, for a mean above and below 0. n: the differences, those of 0 among them.
    """

    n: int
    more: float
    less: float

    @property
    def p(self) -> float:
        """The two-sided p-value."""
        return min(1.0, 2 * min(self.more, self.less))


def sign_flip(differences: Sequence[float]) -> SignFlip:
    """Test the mean of paired differences: under the null each has either sign equally often.

    Exact: the share of all 2^n sign patterns whose sum is at least as large (Fisher 1935, The
    Design of Experiments, section 21). Differences that are multiples of one step, as shares of
    few votes are, are counted by convolution, however many there are. Others are enumerated up
    to 20; beyond that they are rounded to 1/10,000 first, which leaves the test exact, since
    rounding treats both signs alike.
    """
    n = len(differences)
    sizes = [value for value in differences if value]
    if not sizes:
        return SignFlip(n, 1.0, 1.0)
    fractions = [Fraction(value).limit_denominator(FINEST) for value in sizes]
    step = math.lcm(*(each.denominator for each in fractions))
    on_grid = step <= FINEST and all(
        abs(float(each) - value) < 1e-12 for each, value in zip(fractions, sizes, strict=True)
    )
    if not on_grid and len(sizes) <= FEW:
        return SignFlip(n, *_enumerated(sizes))
    step = step if on_grid else FINEST
    return SignFlip(n, *_convolved([round(value * step) for value in sizes]))


def _enumerated(sizes: Sequence[float]) -> tuple[float, float]:
    sums = [0.0]
    for size in sizes:
        sums = [each + size for each in sums] + [each - size for each in sums]
    seen, blur = sum(sizes), 1e-12 * sum(map(abs, sizes))  # sums of floats tie only nearly
    more = sum(each >= seen - blur for each in sums)
    less = sum(each <= seen + blur for each in sums)
    return more / len(sums), less / len(sums)


def _convolved(sizes: Sequence[int]) -> tuple[float, float]:
    """Count the subsets of sizes by their sum: one large integer whose digits are the counts."""
    sizes, positive = [abs(size) for size in sizes], sum(size for size in sizes if size > 0)
    common = math.gcd(*sizes)
    if not common:
        return 1.0, 1.0
    sizes, positive = [size // common for size in sizes], positive // common
    digit = len(sizes) + 1  # bits: no count and no sum of counts is above 2^n
    counts = 1
    for size in sizes:
        counts += counts << (size * digit)

    def at_least(total: int) -> float:
        # The sum of a number's digits is its remainder modulo the base less one.
        return ((counts >> total * digit) % ((1 << digit) - 1)) / (1 << len(sizes))

    return at_least(positive), at_least(sum(sizes) - positive)


def mcnemar(one: int, other: int) -> float:
    """Return the exact p-value of McNemar's test of two counts of discordant pairs.

    A fair coin's: twice the smaller tail (McNemar 1947, Psychometrika 12:153-157).
    """
    n, fewer = one + other, min(one, other)
    below = sum(math.comb(n, k) for k in range(fewer + 1))
    return min(1.0, 2 * below / (1 << n))


def stratified_exact(one: Sequence[Pair], other: Sequence[Pair]) -> float:
    """Return the exact p-value of two tools (or arms) voted on by the same personas.

    one, other: (ships, votes) of each persona, in the same order. Given what each persona
    shipped of both, the ships of one side are hypergeometric, and the strata are added up; p is
    the probability of all sums that are no more likely than the one seen. With one persona that
    is Fisher's exact test. Raises ValueError unless 0 <= ships <= votes.
    """
    seen, chances = 0, [1.0]
    for (ships, votes), (others, other_votes) in zip(one, other, strict=True):
        if not (0 <= ships <= votes and 0 <= others <= other_votes):
            raise ValueError(f"need 0 <= ships <= votes, got {(ships, votes, others, other_votes)}")
        both = ships + others
        stratum = _hypergeometric(votes, other_votes, both)
        seen += ships - max(0, both - other_votes)
        summed = [0.0] * (len(chances) + len(stratum) - 1)
        for place, known in enumerate(chances):
            for more, chance in enumerate(stratum):
                summed[place + more] += known * chance
        chances = summed
    no_more = chances[seen] * (1 + 1e-9)  # as likely ones differ in their last digits
    return min(1.0, math.fsum(chance for chance in chances if chance <= no_more))


def _hypergeometric(votes: int, others: int, both: int) -> list[float]:
    """Return the chances of each count of ships in ``votes``, from the smallest possible one."""
    lowest, highest = max(0, both - others), min(votes, both)
    ways = [math.comb(votes, lowest) * math.comb(others, both - lowest)]
    for k in range(lowest, highest):
        ways.append(ways[-1] * (votes - k) * (both - k) // ((k + 1) * (others - both + k + 1)))
    total = sum(ways)
    return [each / total for each in ways]


def benjamini_hochberg(p: Sequence[float]) -> list[float]:
    """Return adjusted p-values that bound the share of false discoveries, in the order given.

    Benjamini and Hochberg (1995), Journal of the Royal Statistical Society B 57:289-300.
    """
    adjusted, least = [0.0] * len(p), 1.0
    for rank, place in reversed(list(enumerate(_ascending(p), 1))):
        adjusted[place] = least = min(least, p[place] * len(p) / rank)
    return adjusted


def holm(p: Sequence[float]) -> list[float]:
    """Return adjusted p-values that bound the chance of any false discovery, in the order given.

    Holm (1979), Scandinavian Journal of Statistics 6:65-70.
    """
    adjusted, most = [0.0] * len(p), 0.0
    for rank, place in enumerate(_ascending(p)):
        adjusted[place] = most = max(most, min(1.0, p[place] * (len(p) - rank)))
    return adjusted


def _ascending(p: Sequence[float]) -> list[int]:
    return sorted(range(len(p)), key=p.__getitem__)


def power_fisher(one: float, other: float, n: int, alpha: float = 0.05) -> float:
    """Return the power of Fisher's two-sided test of two rates, n votes a side, by enumeration."""
    first, second = _binomial(n, one), _binomial(n, other)
    power = 0.0
    for both in range(2 * n + 1):
        ships = range(max(0, both - n), min(n, both) + 1)
        ways = [math.comb(n, k) * math.comb(n, both - k) for k in ships]
        ranked = sorted(zip(ways, ships, strict=True))
        tail, total = 0, sum(ways)
        ends = [place for place, (a, b) in enumerate(pairwise(ranked), 1) if a[0] != b[0]]
        start = 0
        for end in [*ends, len(ranked)]:  # equally likely tables are rejected together
            tail += sum(way for way, _ in ranked[start:end])
            if tail / total > alpha:
                break
            power += sum(first[k] * second[both - k] for _, k in ranked[start:end])
            start = end
    return power


def fisher_repeats(one: float, other: float, power: float = 0.8, most: int = 200) -> int | None:
    """Return how many votes a side Fisher's test needs for a power; None for more than ``most``."""
    enough = (n for n in range(2, most + 1) if power_fisher(one, other, n) >= power)
    return next(enough, None)


def power_mcnemar(cells: int, discordant: float, net: float, alpha: float = 0.05) -> float:
    """Return the power of McNemar's exact test over so many independent cells.

    discordant: the share of cells that differ, 0 to 1; net: the difference of the shares that
    differ one way and the other. Raises ValueError unless abs(net) <= discordant <= 1.
    """
    if not abs(net) <= discordant <= 1:
        raise ValueError(f"need abs(net) <= discordant <= 1, got {net!r} and {discordant!r}")
    if not discordant:
        return 0.0
    power = 0.0
    one_way = (discordant + net) / (2 * discordant)
    for differing, chance in enumerate(_binomial(cells, discordant)):
        if chance > 1e-15:
            most = _rejects_up_to(differing, alpha)
            split = _binomial(differing, one_way)
            power += chance * sum(
                split[k] for k in range(differing + 1) if min(k, differing - k) <= most
            )
    return power


def _rejects_up_to(n: int, alpha: float) -> int:
    """Return the largest smaller count of n that McNemar's test rejects; -1 for none."""
    below, most, ways = 0, -1, 1
    for k in range(n // 2 + 1):
        below += ways
        if 2 * below / (1 << n) > alpha:  # integers of any size, divided exactly
            break
        most, ways = k, ways * (n - k) // (k + 1)
    return most


def _binomial(n: int, rate: float) -> list[float]:
    if rate in (0, 1):
        return [float(k == n * rate) for k in range(n + 1)]
    logs = math.lgamma(n + 1), math.log(rate), math.log1p(-rate)
    return [
        math.exp(
            logs[0] - math.lgamma(k + 1) - math.lgamma(n - k + 1) + k * logs[1] + (n - k) * logs[2]
        )
        for k in range(n + 1)
    ]
