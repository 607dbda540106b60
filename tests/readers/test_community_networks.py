"""Networks of addresses, and the counts by network that outlast a restart."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from panel.readers.community.networks import networks_of, parse_network_address
from panel.readers.community.quota import Exceeded, Quota

DAY = 86400.0
NOON = 20_000 * DAY + DAY / 2


def take(quota: Quota, key: str = "k", most: int = 2) -> float | None:
    """Take a key once; return the seconds to wait where that is refused."""
    try:
        with quota.taking((key, most)):
            return None
    except Exceeded as error:
        return error.wait


FOUR = ["198.51.100.7/32", "198.51.100.0/24"]
SIX = ["2001:db8:1:2f3::/64", "2001:db8:1:200::/56", "2001:db8:1::/48"]


@pytest.mark.parametrize(
    ("text", "networks"),
    [
        ("198.51.100.7", FOUR),
        (" 198.51.100.7:4711 ", FOUR),
        ("::ffff:198.51.100.7", FOUR),
        ("::ffff:c633:6407", FOUR),
        ("::ffff:0:198.51.100.7", FOUR),
        ("64:ff9b::198.51.100.7", FOUR),
        ("64:ff9b:1::198.51.100.7", FOUR),
        ("2002:c633:6407:1::1", FOUR),
        ("2002:c633:6407:ffff::1", FOUR),
        ("2001:0:5ef5:79fd:0:59:39cc:9bf8", FOUR),
        ("2001:db8:1:2f3:4::5", SIX),
        ("[2001:db8:1:2f3:4::5]:443", SIX),
        ("[2001:DB8:1:2f3::]", SIX),
        ("fe80::1%eth0", ["fe80::/64", "fe80::/56", "fe80::/48"]),
        ("::1", ["::/64", "::/56", "::/48"]),
        ("127.3.2.1", ["127.3.2.1/32", "127.3.2.0/24", "127.0.0.0/8"]),
        ("::ffff:127.3.2.1", ["127.3.2.1/32", "127.3.2.0/24", "127.0.0.0/8"]),
        ("", ["unknown"]),
        ("unknown", ["unknown"]),
        ("198.51.100.7.8", ["unknown"]),
        ("198.51.100.07", ["unknown"]),
        ("[]:80", ["unknown"]),
    ],
)
def test_an_address_belongs_to_the_networks_that_one_person_may_have(
    text: str, networks: list[str]
) -> None:
    assert [name for name, _share in networks_of(parse_network_address(text))] == networks


@pytest.mark.parametrize("text", ["198.51.100.7", "2001:db8::1", "127.0.0.1", ""])
def test_a_wider_network_has_a_larger_share(text: str) -> None:
    shares = [share for _name, share in networks_of(parse_network_address(text))]
    assert shares[0] == 1 and shares == sorted(set(shares))


def test_a_bound_holds_in_any_24_hours_not_only_until_midnight(tmp_path: Path) -> None:
    now = [21_000 * DAY - 60]
    quota = Quota(tmp_path, lambda: now[0])
    assert [take(quota), take(quota)] == [None, None]
    now[0] += 120
    assert take(quota) == DAY - 120 and quota.used("k") == 2
    now[0] += DAY - 120
    assert take(quota) is None and quota.used("k") == 1


def test_counts_outlast_a_restart_and_are_shared_by_processes(tmp_path: Path) -> None:
    first, second = Quota(tmp_path, lambda: NOON), Quota(tmp_path, lambda: NOON)
    assert [take(first), take(second)] == [None, None]
    assert take(first) is not None and take(second) is not None
    assert take(Quota(tmp_path, lambda: NOON)) is not None
    assert take(first, "other") is None


def test_a_clock_that_is_set_back_or_forth_frees_nobody_early_or_locks_nobody_out(
    tmp_path: Path,
) -> None:
    now = [NOON]
    quota = Quota(tmp_path, lambda: now[0])
    assert [take(quota), take(quota)] == [None, None]
    now[0] = NOON - 3600
    assert take(quota) is not None
    now[0] = NOON + 3650 * DAY
    assert [take(quota), take(quota)] == [None, None]
    now[0] = NOON
    assert take(quota) is None


def test_what_was_not_done_is_not_counted(tmp_path: Path) -> None:
    quota = Quota(tmp_path, lambda: NOON)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), quota.taking(("k", 1)):
            raise ZeroDivisionError
    assert quota.used("k") == 0 == Quota(tmp_path, lambda: NOON).used("k")
    assert take(quota, most=1) is None and take(quota, most=1) is not None


def test_where_one_bound_is_reached_none_of_the_others_is_used(tmp_path: Path) -> None:
    quota = Quota(tmp_path, lambda: NOON)
    assert take(quota, "narrow", 1) is None
    for _ in range(3):
        with pytest.raises(Exceeded), quota.taking(("wide", 2), ("narrow", 1)):
            pass
    assert quota.used("wide") == 0


def test_hashes_are_erased_with_their_key_within_two_days(tmp_path: Path) -> None:
    now = [NOON]
    quota = Quota(tmp_path, lambda: now[0])
    take(quota, "198.51.100.7/32")
    file = tmp_path / "community" / "counts.jsonl"
    before = file.read_text()
    assert "198.51" not in before and file.stat().st_mode & 0o077 == 0
    now[0] += 1.5 * DAY
    take(quota, "198.51.100.7/32")
    lines = [line for line in file.read_text().splitlines() if line not in before]
    assert '"key"' in lines[0] and lines[1].split('"keys"')[1] not in before
    now[0] += 0.6 * DAY
    Quota(tmp_path, lambda: now[0]).tidy()
    assert not set(before.splitlines()) & set(file.read_text().splitlines())
    now[0] += 2 * DAY
    quota.tidy()
    assert file.read_text() == ""


def test_damaged_lines_of_the_counts_count_for_nothing(tmp_path: Path) -> None:
    now = [NOON]
    quota = Quota(tmp_path, lambda: now[0])
    take(quota)
    file = tmp_path / "community" / "counts.jsonl"
    with file.open("a") as handle:
        handle.write('{"kind":"counted"}\n[]\n7\n{"kind":"key","at":"x","key":"zz"}\n')
        for key in ("", "00" * 100):
            handle.write(f'{{"kind":"key","at":{NOON},"key":"{key}"}}\n')
        handle.write('{"kind":"t')
    assert [take(quota), take(quota) is None] == [None, False]
    now[0] += 3 * DAY
    assert take(quota) is None and len(file.read_text().splitlines()) == 2


def test_of_many_at_once_no_more_than_the_bound_are_let_in(tmp_path: Path) -> None:
    quotas = [Quota(tmp_path, lambda: NOON) for _ in range(4)]
    taken: list[float | None] = []
    threads = [
        threading.Thread(target=lambda quota=quota: taken.append(take(quota, most=7)))
        for quota in quotas * 4
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert taken.count(None) == 7 and len(taken) == 16
