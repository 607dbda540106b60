"""Addresses: which are this machine's own, and what may stand in base_url."""

from __future__ import annotations

import pytest

from panel.workspace.addresses import endpoint_address, is_loopback, ollama_address


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LOCALHOST",
        "localhost.",
        "lab.localhost",
        "127.0.0.1",
        "127.8.9.1",
        "::1",
        "[::1]",
        "::ffff:127.0.0.1",
    ],
)
def test_what_never_leaves_this_machine_is_loopback(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host",
    [
        "",
        *[
            "0.0.0.0",
            "::",
            "10.0.0.1",
            "localhost.example",
            "notlocalhost",
            "127.0.0.1.example",
            "::ffff:10.0.0.1",
        ],
    ],
)
def test_every_other_address_is_elsewhere(host: str) -> None:
    assert not is_loopback(host)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("http://h/v1", "http://h/v1"),
        ("http://h", "http://h"),
        ("http://h/v1//", "http://h/v1"),
        ("https://h/v1/chat/completions", "https://h/v1"),
        ("https://h/d/?api-version=2024-10-21", "https://h/d?api-version=2024-10-21"),
        ("https://h/d/chat/completions/?a=1&a=%2F/", "https://h/d?a=1&a=%2F/"),
        ("https://h?tenant=a", "https://h?tenant=a"),
        ("http://[::1]:8000/v1/", "http://[::1]:8000/v1"),
        ("http://Gpu_1.lan.:8000/v1", "http://Gpu_1.lan.:8000/v1"),
        ("https://lab\u200b.example:8000/v1", "https://lab.example:8000/v1"),
        ("https://bücher.example/v1", "https://xn--bcher-kva.example/v1"),
        ("http://127.1:8000/v1", "http://127.0.0.1:8000/v1"),
        ("http://0x7f000001/v1", "http://127.0.0.1/v1"),
        ("http://[fe80::1%25eth0]:8000/v1", "http://[fe80::1%eth0]:8000/v1"),
        ("https://h/v1?language_code=en", "https://h/v1?language_code=en"),
    ],
)
def test_a_base_url_is_cut_where_its_path_ends_and_keeps_its_query(
    written: str, meant: str
) -> None:
    assert endpoint_address(written) == meant


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("http://me:hunter2@h/v1", "holds credentials"),
        ("https://h/v1?api_key=hunter2", "holds credentials"),
        ("https://h/v1?version=1&Access-Token=hunter2", "holds credentials"),
        ("https://h/v1?code=hunter2", "holds credentials"),
        ("https://h/v1?v=1&SIG=hunter2", "holds credentials"),
        ("https://h/v1?X-Amz-Signature=hunter2", "holds credentials"),
        ("http://hunter..2/v1", "has a host that there cannot be"),
        ("http://.hunter/v1", "has a host that there cannot be"),
        (f"http://{'hunter' * 11}.example/v1", "has a host that there cannot be"),
        (f"http://{'hunter.' * 40}example/v1", "has a host that there cannot be"),
        ("http://hunter\u2603/v1", "has a host that there cannot be"),
        ("http://hunter%20/v1", "has a host that there cannot be"),
        ("http://hunter.256.1.1.1/v1", "has a host that there cannot be"),
        ("http://[fe80::hunter]/v1", "has a host that there cannot be|is not a web address"),
        ("https://h/v1#hunter2", "holds a '#'"),
        ("https://h/v1?a=1#", "holds a '#'"),
        ("ftp://hunter2/v1", "is not a web address"),
        ("hunter2", "is not a web address"),
        ("http://h:hunter2/v1", "is not a web address"),
        ("http://h/hunter 2", "is not a web address"),
        ("http://[hunter2/v1", "is not a web address"),
    ],
)
def test_what_is_no_base_url_is_refused_without_being_repeated(written: str, why: str) -> None:
    with pytest.raises(ValueError, match=why) as refusal:
        endpoint_address(written)
    assert "hunter" not in str(refusal.value)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("gpu", "http://gpu:11434/v1"),
        ("gpu:8080", "http://gpu:8080/v1"),
        (" 'gpu' ", "http://gpu:11434/v1"),
        ("http://gpu", "http://gpu:80/v1"),
        ("HTTPS://gpu", "https://gpu:443/v1"),
        ("http://gpu:11434/", "http://gpu:11434/v1"),
        ("https://gpu/ollama/", "https://gpu:443/ollama/v1"),
        ("gpu/ollama", "http://gpu:11434/ollama/v1"),
        ("gpu/v1", "http://gpu:11434/v1"),
        ("http://gpu:11434/ollama/v1/", "http://gpu:11434/ollama/v1"),
        (":8080", "http://127.0.0.1:8080/v1"),
        ("0.0.0.0", "http://127.0.0.1:11434/v1"),
        ("0.0.0.0:8080", "http://127.0.0.1:8080/v1"),
        ("http://0.0.0.0:8080", "http://127.0.0.1:8080/v1"),
        ("::1", "http://[::1]:11434/v1"),
        ("[::1]", "http://[::1]:11434/v1"),
        ("[::1]:8080", "http://[::1]:8080/v1"),
        ("[::]:8080", "http://[::1]:8080/v1"),
        ("http://[::1]", "http://[::1]:80/v1"),
        ("ollama.com", "https://ollama.com:443/v1"),
    ],
)
def test_ollama_host_means_what_it_means_to_ollama(written: str, meant: str) -> None:
    assert ollama_address(written) == meant


@pytest.mark.parametrize(
    "written", ["gpu:port", "ftp://gpu", "me:hunter2@gpu", "http://me:hunter2@gpu", "a b"]
)
def test_what_ollama_host_cannot_mean_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match=r"is not a web address|holds credentials") as refusal:
        ollama_address(written)
    assert "hunter" not in str(refusal.value)
