"""What is cut out of a server's words, and what is left in them."""

from __future__ import annotations

import json

import pytest

from panel.endpoint.masking import MASK, mask_keys

HEX = "3f9a8b7c6d5e4f3a2b1c0d9e8f7a6b5c"
AWS = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
UUID = "3f9a8b7c-6d5e-4f3a-2b1c-0d9e8f7a6b5c"


@pytest.mark.parametrize(
    ("said", "left"),
    [
        (
            "Incorrect API key provided: sk-proj-Ab12Cd34Ef56.",
            f"Incorrect API key provided: {MASK}.",
        ),
        ("Incorrect API key provided: sk-ab*****wxyz.", f"Incorrect API key provided: {MASK}."),
        ("api key provided: 0a1b2c3d4e5f, get one", f"api key provided: {MASK}, get one"),
        ("header Authorization: Bearer q1w2e3r4t5", f"header Authorization: Bearer {MASK}"),
        ("Bearer abc123def456 is unknown", f"Bearer {MASK} is unknown"),
        ('{"api_key": "0123456789abcdef"}', f'{{"api_key": "{MASK}"}}'),
        (r"{\"api_key\": \"0123456789abcdef\"}", rf"{{\"api_key\": \"{MASK}\"}}"),
        ("x-api-key=0123456789abcdef&x=1", f"x-api-key={MASK}"),
        ("token: 8f14e45fceea167a", f"token: {MASK}"),
        ("?key=AIzaSyA1234567890abcdef", f"?key={MASK}"),
        ("AIzaSyA1234567890abcdef is blocked", f"{MASK} is blocked"),
        (
            "Incorrect API key provided: correcthorsebattery.",
            f"Incorrect API key provided: {MASK}.",
        ),
        ("Bearer abcdefghijklmnopqrstuvwxyz", f"Bearer {MASK}"),
        ("Authorization: Token 0123456789ab", f"Authorization: Token {MASK}"),
        ('{"x-api-key": ["0123456789ab"]}', f'{{"x-api-key": ["{MASK}"]}}'),
        ("hf_abcdefghijklmnopqrst is expired", f"{MASK} is expired"),
        ("gsk_1234567890abcdefGHIJ", MASK),
        ("hf_AbCdEfGh1234567890xyz", MASK),
        ("xai-0123456789abcdef", MASK),
        ("AKIA1234567890ABCDEF", MASK),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl", MASK),
        (f"aws_secret_access_key={AWS}", f"aws_secret_access_key={MASK}"),
        (f"DEPLOY_SECRET_API_KEY={HEX}", f"DEPLOY_SECRET_API_KEY={MASK}"),
        ("AccountKey=abcdef0123456789==", f"AccountKey={MASK}"),
        (f"Key {HEX} not found", f"Key {MASK} not found"),
        (f"The key '{HEX}' was rejected", f"The key '{MASK}' was rejected"),
        (f"Invalid token {HEX}", f"Invalid token {MASK}"),
        (f"subscription key ({HEX})", f"subscription key ({MASK})"),
        (f"api-key {HEX} is not valid", f"api-key {MASK} is not valid"),
        (f"{HEX} is no valid key", f"{MASK} is no valid key"),
        (f"Key {UUID} not found", f"Key {MASK} not found"),
        (f"the secret {AWS} is old", f"the secret {MASK} is old"),
        (f"the token is invalid: {HEX}", f"the token is invalid: {MASK}"),
        (f"credential {HEX[:20]}", f"credential {MASK}"),
        (f"https://h/v1?code={HEX}&x=1", f"https://h/v1?code={MASK}"),
        ("?sv=1&sig=abcdef%2F0123456789%3D", f"?sv=1&sig={MASK}"),
        ("jina_abcdef0123456789abcdef is none", f"{MASK} is none"),
        ("vck_abcdefghijk12345678 has expired", f"{MASK} has expired"),
        ("glsa_abcdef1234567890abcdef", MASK),
        ("dop_v1_abcdef0123456789abcdef", MASK),
        ("SG.abcdefghijklmnop.qrstuvwxyz", MASK),
        (f"Invalid key {HEX} (request id: {HEX})", f"Invalid key {MASK} (request id: {HEX})"),
        ("postgres://admin:s3cret@db.example.org/x", f"postgres://{MASK}@db.example.org/x"),
        ("https://sk-abcdef123456@gw.example.org", f"https://{MASK}@gw.example.org"),
    ],
)
def test_what_looks_like_a_key_is_cut_out(said: str, left: str) -> None:
    assert mask_keys(said) == left
    assert mask_keys(mask_keys(said)) == left


@pytest.mark.parametrize(
    "said",
    [
        "Rate limit reached for gpt-4o: Limit 30000, Used 29500, Requested 1200.",
        "the token limit is 4096; max_tokens: 1500",
        "Invalid API key. Check api_key_env.",
        "Invalid API key. Request id: req_011CSHoEeqs5C35K2UUqR7Fy",
        f"Invalid token, request_id: {HEX}",
        f'{{"error": "invalid key", "request_id": "{UUID}", "requestId": "{HEX}"}}',
        f"Invalid API key (Request ID {UUID})",
        f"no such deployment {HEX}, batch_{HEX} or {UUID}",
        "Rate limit for gpt-4o in organization org-AbCdEf0123456789AbCdEfGh on a token a minute",
        "The token limit of meta-llama/Llama-3.3-70B-Instruct-Turbo is 131072",
        "no key for model gpt-4o-mini-2024-07-18 at /openai/deployments/gpt4o-mini-2024/chat",
        '{"code": "context_length_exceeded", "type": "invalid_request_error", "key": null}',
        "chatcmpl-AbCdEf0123456789AbCdEfGh ended at a stop token",
        "Missing bearer authentication in header",
        "model mistral-7b-instruct-v0.3.Q4_K_M not found; see https://docs.example.org/keys#a",
        "task-specific, risk-averse and hf_transfer",
        '{"error": {"message": "bad", "type": "x", "code": 400, "param": "max_tokens"}}',
        f"Bearer {MASK}",
        'www-authenticate: Bearer error="invalid_token"',
        "write to admin@example.org or https://example.org?mail=a@b",
    ],
)
def test_ordinary_words_are_left(said: str) -> None:
    assert mask_keys(said) == said


def test_json_is_still_json_when_a_key_is_cut_out_of_it() -> None:
    body = {"error": {"message": 'key: "sk-0123456789abcdef" \\ no', "token": "a1b2c3d4e5f6"}}
    masked = json.loads(mask_keys(json.dumps(body)))
    assert masked["error"]["token"] == MASK
    assert "0123456789" not in masked["error"]["message"]
