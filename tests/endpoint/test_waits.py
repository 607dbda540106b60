"""How long a server asks to wait, however it says so."""

from __future__ import annotations

import json
import re
import time
from email.utils import formatdate
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from panel.endpoint.responses import RawResponse
from panel.endpoint.waits import FOREVER, asked_wait, daily, reset_wait, seconds_of, until

NOW = 1_800_000_000.0  # 15 January 2027, 08:00 UTC
RETRY_INFO = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "36000s"}
PER_DAY = {"violations": [{"quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier"}]}


def error(message: str = "slow down", **more: Any) -> bytes:
    return json.dumps({"error": {"message": message, **more}}).encode()


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1s", 1),
        ("6m0s", 360),
        ("120ms", 0.12),
        ("1m30.5s", 90.5),
        ("2h3m4s5ms", 7384.005),
        ("1d", 86_400),
        ("2 minutes and 5 seconds", 125),
        ("1 hour, 5 mins", 3900),
        (" 12 ", 12),
        ("0.5", 0.5),
        ("-3", 0),
        ("1e300", FOREVER),
        (str(int(NOW + 30)), 30),
        (str(int(NOW + 30) * 1000), 30),
        (str(int(NOW + 30) * 1_000_000), 30),
        (str(int(NOW - 30)), 0),
        ("2027-01-15T08:01:00Z", 60),
        ("2027-01-15T10:01:00+02:00", 60),
        ("2027-01-15T08:01:00", 60),
        ("Fri, 15 Jan 2027 08:01:00 GMT", 60),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0),
        ("Mon, 01 Jan 99999999999 00:00:00 GMT", None),
        ("Mon, 01 Jan 2026 00:00:00 +9999", None),
        ("0001-01-01T00:00:00+14:00", 0),
        ("nan", None),
        ("inf", None),
        ("", None),
        ("soon", None),
        ("1s later", None),
        ("..s", None),
        ("1.2.3s", None),
    ],
)
def test_a_wait_comes_in_many_forms(text: str, seconds: float | None) -> None:
    found = seconds_of(text, NOW)
    assert found == (None if seconds is None else pytest.approx(seconds, abs=0.01))


@given(
    st.one_of(
        st.text(max_size=30),
        st.text("0123456789.smhd-+e_ infaT:Z", max_size=30),
        st.floats().map(repr),
        st.integers().map(str),
    )
)
def test_a_wait_of_any_form_is_seconds_or_nothing(text: str) -> None:
    seconds = seconds_of(text, NOW)
    assert seconds is None or 0 <= seconds <= FOREVER
    assert seconds is None or until(seconds)


@pytest.mark.parametrize(
    ("headers", "body", "seconds"),
    [
        ({}, b"", None),
        ({"retry-after": "7"}, b"", 7),
        ({"retry-after": "soon"}, b"", None),
        ({"retry-after": "3600, 3600"}, b"", 3600),
        ({"retry-after": "Fri, 15 Jan 2027 08:01:00 GMT, Fri, 15 Jan 2027 08:01:00 GMT"}, b"", 60),
        ({"retry-after": "5, Fri, 15 Jan 2027 08:01:00 GMT"}, b"", 60),
        ({"retry-after-ms": "250, 250"}, b"", 0.25),
        ({"retry-after-ms": "250", "retry-after": "9"}, b"", 0.25),
        ({"retry-after-ms": "x", "retry-after": "9"}, b"", 9),
        ({"retry-after": "1"}, error("try again in 6m0s"), 1),
        ({}, error("Please try again in 7.66s. Visit us."), 7.66),
        ({}, error("Rate limit reached. Please try again in 6m0s."), 360),
        ({}, error("Please retry after 24 hours"), 86_400),
        ({}, error("You must wait 5 minutes."), 300),
        ({}, error("resets at 2027-01-15T08:01:00Z"), 60),
        ({}, error("Your limit will reset in 5h 12m"), 18_720),
        ({}, error("Too fast. Retry-After: 30"), 30),
        ({}, error("No wait, 3 of 5 models are left"), None),
        ({}, error(details=[RETRY_INFO]), 36_000),
        ({}, json.dumps([{"error": {"details": [RETRY_INFO]}}]).encode(), 36_000),
        ({}, error(details=[RETRY_INFO, PER_DAY]), None),
        ({}, error(failed_generation="It will be available in 14 days"), None),
        ({}, error(metadata={"raw": "Please try again in 2 days"}), None),
        ({}, b'{"detail": [{"msg": "bad", "input": {"retry_after": 900}}]}', None),
        ({}, error('{"error": {"message": "Please try again in 5s"}}'), 5),
        ({}, b'{"retry_after": 4.5}', 4.5),
        ({}, b'{"error": "Model x is currently loading", "estimated_time": 20.0}', 20),
        ({}, error(metadata={"headers": {"Retry-After": "11"}}), 11),
        (
            {},
            error(
                metadata={
                    "headers": {
                        "X-RateLimit-Remaining": "0",
                        "X-RateLimit-Reset": str(int(NOW + 3600) * 1000),
                    }
                }
            ),
            3600,
        ),
    ],
)
def test_the_wish_to_wait_is_read(
    headers: dict[str, str], body: bytes, seconds: float | None
) -> None:
    told = asked_wait(
        RawResponse(0.0, 429, {"date": formatdate(NOW, usegmt=True), **headers}, body)
    )
    assert told == (None if seconds is None else pytest.approx(seconds, abs=0.01))


@pytest.mark.parametrize("skew", [-3600, 0, 86_400])
def test_a_date_is_held_against_the_clock_of_the_server(skew: float) -> None:
    now = time.time() + skew
    headers = {
        "date": formatdate(now, usegmt=True),
        "retry-after": formatdate(now + 3, usegmt=True),
    }
    assert asked_wait(RawResponse(0.0, 429, headers)) == pytest.approx(3, abs=1)


def test_without_a_clock_of_the_server_a_date_is_held_against_ours() -> None:
    headers = {"retry-after": formatdate(time.time() + 60, usegmt=True)}
    assert asked_wait(RawResponse(0.0, 503, headers)) == pytest.approx(60, abs=5)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "6m0s"}, 360),
        ({"x-ratelimit-remaining-tokens": " 0 ", "x-ratelimit-reset-tokens": "120ms"}, 0.12),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "7"}, 7),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(int(NOW + 9) * 1000)}, 9),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "30000"}, 30),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "8h20m"}, 30_000),
        ({"ratelimit-remaining": "0", "ratelimit-reset": "50"}, 50),
        ({"ratelimit": "limit=100, remaining=0, reset=50"}, 50),
        ({"ratelimit": '"burst";r=5;t=1, "daily";r=0;t=3600'}, 3600),
        ({"ratelimit": '"default";r=5;t=50'}, None),
        (
            {
                "anthropic-ratelimit-requests-remaining": "0",
                "anthropic-ratelimit-requests-reset": "2027-01-15T08:01:00Z",
            },
            60,
        ),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset-after": "4.2"}, 4.2),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "7", "retry-after": "1"}, 1),
        ({"x-ratelimit-remaining": "1", "retry-after": "1"}, None),
        ({"x-ratelimit-remaining": "1", "x-ratelimit-reset": "7"}, None),
        ({"x-ratelimit-remaining": "0"}, None),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "soon"}, None),
        ({"x-ratelimit-remaining": "none", "x-ratelimit-reset": "7"}, None),
        ({}, None),
    ],
)
def test_a_reset_counts_where_nothing_remains(
    headers: dict[str, str], seconds: float | None
) -> None:
    answer = RawResponse(0.0, 200, {"date": formatdate(NOW, usegmt=True), **headers})
    found = reset_wait(answer)
    assert found == (None if seconds is None else pytest.approx(seconds, abs=0.01))


@pytest.mark.parametrize("skew", [-3600, 3600])
def test_a_reset_that_came_with_an_answer_is_the_shorter_one_by_either_clock(skew: int) -> None:
    """The Date may be of another machine than the limit; the next answer may say more."""
    headers = {
        "date": formatdate(time.time() + skew, usegmt=True),
        "x-ratelimit-remaining-requests": "0",
        "x-ratelimit-reset-requests": str(int(time.time()) + 2),
    }
    wait = reset_wait(RawResponse(0.1, 200, headers))
    assert wait is not None and wait <= 2


def test_a_refusal_s_reset_is_in_seconds() -> None:
    headers = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "30000"}
    assert reset_wait(RawResponse(0.0, 429, headers)) == 30_000


@pytest.mark.parametrize(
    ("text", "is_daily"),
    [
        ("Rate limit exceeded: free-models-per-day", True),
        ("quotaId: GenerateRequestsPerDayPerProjectPerModel-FreeTier", True),
        ("on requests per day (RPD)", True),
        ("Your daily limit is used up. Come back tomorrow.", True),
        ("on tokens per minute (TPM)", False),
        ("The model is overloaded today", False),
    ],
)
def test_a_limit_of_a_day_is_known_by_its_words(text: str, is_daily: bool) -> None:
    assert daily(text) is is_daily


@pytest.mark.parametrize(
    ("seconds", "said"), [(12, "12 s"), (360, "6 min"), (36_000, "10 h"), (864_000, "10 days")]
)
def test_a_wait_is_said_with_its_end(seconds: float, said: str) -> None:
    assert re.fullmatch(rf"{said}, until \d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d UTC", until(seconds))
