# SPDX-License-Identifier: Apache-2.0
"""Issuers of JSON Web Tokens with discovery: how their keys come, change and stay."""

from __future__ import annotations

import json
import time

import pytest

from support.entrepot import EXIT_CONFIG, run
from support.gate import eventually
from support.jwts import AUDIENCE, Key, claims, write_keys
from support.logins import bearer
from support.oidc import KEYS, METADATA, Provider
from support.reload import reload
from support.tls import Authority


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def provider(authority):
    provider = Provider(authority, Key("ES256", "one"))
    yield provider
    provider.close()


@pytest.fixture
def issuer(provider, authority):
    return {"issuer": provider.issuer, "audience": AUDIENCE, "discovery": True,
            "ca": str(authority.certificate)}


def listening(issuer):
    return {"listen": [{"address": "127.0.0.1:0", "auth": {"jwt": [issuer]}}]}


@pytest.fixture
def entrepot(start, issuer):
    entrepot = start(**listening(issuer))
    entrepot.log.wait_for(r"issuer https://localhost:\d+: 1 keys are in force")
    entrepot.log.wait_for(r"files have changed: new access rules on")
    return entrepot


def ping(entrepot, provider, key: Key | None = None, **header) -> int:
    """`key`: of the token; the first key of the provider without one."""
    token = (key or provider.keys[0]).token(claims(iss=provider.issuer), **header)
    return entrepot.get("/v2/", headers=bearer(token)).status


def fetches(entrepot, result: str) -> float:
    return entrepot.metrics().sum("jwt_key_fetches_total", result=result)


def failing(entrepot) -> float:
    return entrepot.metrics().sum("jwt_issuers_failing")


def test_keys_are_fetched_at_the_start(entrepot, provider):
    assert ping(entrepot, provider) == 200
    assert ping(entrepot, provider, Key("ES256", "one")) == 401
    assert provider.requests == [METADATA, KEYS]
    assert fetches(entrepot, "ok") == 1 and failing(entrepot) == 0


def test_a_replacement_serves_when_it_has_the_keys(entrepot, provider):
    for _ in range(3):
        before = entrepot.replace()
        assert ping(entrepot, provider) == 200
        before.wait_exit()


def test_a_replacement_serves_without_keys_that_cannot_be_fetched(entrepot, provider):
    provider.close()
    entrepot.replace().wait_exit()
    assert entrepot.log.search("its keys cannot be fetched")
    assert entrepot.get("/v2/").status == 401


def test_a_token_with_a_new_key_brings_the_key(entrepot, provider):
    old, new = provider.keys[0], Key("EdDSA", "two")
    assert ping(entrepot, provider, old) == 200
    provider.keys = [new]
    eventually(lambda: ping(entrepot, provider, new) == 200, what="the new key")
    assert ping(entrepot, provider, old) == 401
    # Hundreds of tokens with unknown keys cause no more than one fetch in ten seconds.
    before, began = provider.requests.count(KEYS), time.monotonic()
    for number in range(200):
        assert ping(entrepot, provider, new, kid=f"unknown {number}") == 401
    assert provider.requests.count(KEYS) <= before + 1 + (time.monotonic() - began) // 10


def test_the_token_of_the_issuer(start, provider, issuer, tmp_path):
    provider.token = "service-account"
    file = tmp_path / "token"
    file.write_text("old\n")
    entrepot = start(**listening({**issuer, "token_file": str(file)}))
    entrepot.log.wait_for(r"its keys cannot be fetched: .*answers with status 401")
    # Each fetch reads the file; a token with an unknown key asks for one before the minute is over.
    file.write_text("service-account\n")
    eventually(lambda: ping(entrepot, provider) == 200, what="the keys")
    assert "service-account" not in entrepot.log.text


WRONG = {
    "not_json": (METADATA, (200, b"<html>"), "metadata", "the metadata is no JSON object"),
    "another_issuer": (METADATA, (200, b'{"issuer": "https://other", "jwks_uri": "https://x/"}'),
                       "metadata", 'the metadata is of "https://other"'),
    "no_keys_url": (METADATA, "without", "metadata", 'no "jwks_uri"'),
    "plain_keys_url": (METADATA, "plain", "metadata", "http://localhost/ is no https:// URL"),
    "file_url": (METADATA, "file", "metadata", "file:///etc/passwd is no https:// URL"),
    "large_metadata": (METADATA, (200, b" " * 65537), "metadata", "more than 65536 bytes"),
    "not_found": (METADATA, (404, b"{}"), "status", "answers with status 404"),
    "redirect": (METADATA, (302, b""), "status", "answers with status 302"),
    "no_set": (KEYS, (200, b'{"key": []}'), "keys", "no JWK Set"),
    "empty_set": (KEYS, (200, b'{"keys": []}'), "keys", "no key that verifies a token"),
    "secret": (KEYS, (200, b'{"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}'), "keys", "is a secret"),
    "large_set": (KEYS, (200, b" " * (1 << 20) + b" "), "metadata", "more than 1048576 bytes"),
    "keys_not_found": (KEYS, (503, b""), "status", "answers with status 503"),
}
URLS = {"without": {}, "plain": {"jwks_uri": "http://localhost/"},
        "file": {"jwks_uri": "file:///etc/passwd"}}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_answers_at_the_start(start, provider, issuer, name):
    path, answer, result, words = WRONG[name]
    if isinstance(answer, str):
        answer = (200, json.dumps({"issuer": provider.issuer, **URLS[answer]}).encode())
    provider.answers[path] = answer
    entrepot = start(**listening(issuer))
    line = entrepot.log.wait_for(r"warn  issuer https://localhost:\d+: its keys cannot be fetched: "
                                 r".*; its tokens are refused until then").string
    assert words in line, line
    eventually(lambda: failing(entrepot) == 1, what="the gauge")
    assert fetches(entrepot, result) == 1
    assert ping(entrepot, provider) == 401
    assert entrepot.metrics().sum("logins_total", result="jwt-key") == 1


def test_the_keys_of_before_stay(entrepot, provider):
    provider.answers[KEYS] = (200, b'{"keys": []}')
    assert ping(entrepot, provider, kid="unknown") == 401
    entrepot.log.wait_for(r"its keys cannot be fetched: .*; those before stay in force")
    assert ping(entrepot, provider) == 200
    eventually(lambda: failing(entrepot) == 1, what="the gauge")
    # The next success is told.
    provider.answers.clear()
    ping(entrepot, provider, kid="unknown")
    eventually(lambda: failing(entrepot) == 0, what="a success")
    eventually(lambda: sum("keys are in force" in line for line in entrepot.log.lines) == 2, what="two lines")
    assert len([line for line in entrepot.log.lines if "cannot be fetched" in line]) == 1


def test_a_certificate_that_is_not_trusted(start, provider, issuer, tmp_path):
    other = Authority(tmp_path / "other")
    entrepot = start(**listening({**issuer, "ca": str(other.certificate)}))
    entrepot.log.wait_for(r"its keys cannot be fetched: .*certificate")
    assert provider.requests == []
    eventually(lambda: fetches(entrepot, "unreachable") == 1, what="the metric")


def test_an_issuer_comes_with_a_signal(start, provider, issuer, tmp_path):
    keys = write_keys(tmp_path / "jwks.json", provider.keys[0])
    entrepot = start(**listening({"issuer": "https://other.example", "audience": AUDIENCE,
                                  "keys": str(keys)}))
    assert ping(entrepot, provider) == 401
    entrepot.config.update(listening(issuer))
    reload(entrepot)
    eventually(lambda: ping(entrepot, provider) == 200, what="the keys")
    # Another reload forgets none of them.
    entrepot.config["log"] = {**entrepot.config.get("log", {}), "level": "info"}
    reload(entrepot)
    assert ping(entrepot, provider) == 200


def test_a_stop_waits_for_no_issuer(start, provider, issuer):
    import socket
    with socket.create_server(("127.0.0.1", 0)) as silent:
        entrepot = start(**listening({**issuer, "issuer":
                                      f"https://127.0.0.1:{silent.getsockname()[1]}"}))
        connection, _ = silent.accept()
        with connection:
            entrepot.terminate()
    assert "cannot be fetched" not in entrepot.log.text


@pytest.mark.parametrize("changes, words", [
    ({"keys": "jwks.json"}, "listen[0].auth.jwt[0].keys: the keys come from the discovery"),
    ({"discovery": False}, "listen[0].auth.jwt[0].keys: missing: give a file"),
    ({"discovery": "yes"}, "listen[0].auth.jwt[0].discovery: expected true or false"),
    ({"issuer": "http://localhost"}, "listen[0].auth.jwt[0].issuer: the discovery needs an https"),
    ({"ca": "absent"}, "listen[0].auth.jwt[0].ca: cannot read"),
    ({"token_file": "absent"}, "listen[0].auth.jwt[0].token_file: cannot read"),
    ({"discovery": None, "keys": "jwks.json"},
     "listen[0].auth.jwt[0].ca: is for the discovery only; remove it"),
    ({}, None),
])
def test_check(issuer, tmp_path, changes, words):
    entry = {name: value for name, value in {**issuer, **changes}.items() if value is not None}
    file = tmp_path / "entrepot.json"
    file.write_text(json.dumps({**listening(entry), "cache": {"directory": str(tmp_path / "c")}}))
    done = run("check", "--config", str(file))
    assert done.returncode == (EXIT_CONFIG if words else 0), done.stderr
    assert (words or "") in done.stderr, done.stderr
