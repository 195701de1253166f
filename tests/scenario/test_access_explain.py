# SPDX-License-Identifier: Apache-2.0
"""`entrepot access explain`: it tells the decision of the server, and the way to it."""

from __future__ import annotations

import json

import pytest

from support import https, logins
from support.checks import blob_target
from support.content import blob
from support.entrepot import EXIT_CONFIG, EXIT_USAGE, run
from support.logins import basic

EXIT_REFUSED = 1
OPEN, LOGIN = "127.0.0.1:5000", "127.0.0.1:5001"
RULES = [
    {"who": ["user:carol"], "repositories": ["*"], "allow": False},
    {"who": ["group:build", "cert:CN=node-*"], "repositories": ["docker.io/team/*"]},
    {"who": ["net:10.2.0.0/16"], "repositories": ["docker.io/team/web"]},
    {"who": ["anyone"], "repositories": ["docker.io/library/*"]},
]
UPSTREAMS = {"docker.io": {"endpoints": [{"url": "https://registry-1.docker.io"}],
                           "aliases": ["hub"]},
             "ghcr.io": {"endpoints": [{"url": "https://ghcr.io"}]}}


@pytest.fixture
def auth(tmp_path):
    """No file of this name exists: the command reads none."""
    return {"htpasswd": str(tmp_path / "users")}


@pytest.fixture
def explain(tmp_path, auth):
    def run_explain(*words, code=0, **keys):
        file = tmp_path / "entrepot.json"
        file.write_text(json.dumps({
            "listen": [{"address": OPEN}, {"address": LOGIN, "auth": auth}],
            "upstreams": UPSTREAMS, "cache": {"directory": str(tmp_path / "cache")}, **keys}))
        done = run("access", "explain", *words, "--config", str(file))
        assert done.returncode == code, (done.stdout, done.stderr)
        return done.stderr if code in (EXIT_USAGE, EXIT_CONFIG) else done.stdout.splitlines()
    return run_explain


def with_rules(**more):
    return {"access": RULES, "groups": {"build": ["ci"]}, **more}


def test_each_rule_up_to_the_one_that_decides(explain):
    assert explain("ci", "docker.io/team/web", "--listen", LOGIN, **with_rules()) == [
        "client: user ci, unknown address",
        "repository: docker.io/team/web",
        'access[0]: no match, because no term of "who" is this client: user:carol',
        "access[1]: matches: group:build and docker.io/team/*",
        f"listen[1] {LOGIN}: allowed by access[1]",
        "allowed"]


def test_a_refusal(explain):
    lines = explain("carol", "docker.io/library/alpine", "--listen", LOGIN, code=EXIT_REFUSED,
                    **with_rules())
    assert lines[-2:] == [f"listen[1] {LOGIN}: refused by access[0]", "refused"]
    lines = explain("ci", "ghcr.io/acme/app", "--listen", LOGIN, code=EXIT_REFUSED, **with_rules())
    assert lines[-2:] == [f"listen[1] {LOGIN}: refused: no rule matches", "refused"]


def test_a_listener_without_logins_does_not_know_the_user(explain):
    lines = explain("ci", "docker.io/team/web", **with_rules())
    assert lines[-3:] == [f"listen[0] {OPEN}: ignores logins; refused: no rule matches",
                          f"listen[1] {LOGIN}: allowed by access[1]", "allowed"]
    # There the rule that refuses the user does not match.
    lines = explain("carol", "docker.io/library/alpine", "--listen", OPEN, **with_rules())
    assert lines[-2:] == [f"listen[0] {OPEN}: ignores logins; allowed by access[3]", "allowed"]


@pytest.mark.parametrize("nobody", ["-", "anonymous"])
def test_a_client_without_login(explain, nobody):
    assert explain(nobody, "docker.io/library/alpine", **with_rules())[-1] == "allowed"
    explain(nobody, "docker.io/team/web", code=EXIT_REFUSED, **with_rules())


def test_an_address_and_a_certificate(explain, tmp_path):
    explain("-", "docker.io/team/web", "--address", "10.2.0.9", **with_rules())
    explain("-", "docker.io/team/web", "--address", "10.3.0.9", code=EXIT_REFUSED, **with_rules())
    words = ("-", "docker.io/team/web", "--certificate", "O=lab", "--certificate", "CN=node-1")
    listen = [{"address": OPEN}, https.listening(
        (tmp_path / "no.crt", tmp_path / "no.key"), address=LOGIN, client_ca="fleet.pem")]
    lines = explain(*words, **with_rules(listen=listen))
    assert lines[-3:] == [
        f"listen[0] {OPEN}: asks for no certificate; refused: no rule matches",
        f"listen[1] {LOGIN}: allowed by access[1]", "allowed"]
    lines = explain("-", "docker.io/library/alpine", "--listen", LOGIN, code=EXIT_REFUSED,
                    **with_rules(listen=listen))
    assert lines[-2] == f"listen[1] {LOGIN}: refused: the listener needs a client certificate"


def test_networks_of_a_listener(explain):
    listen = [{"address": OPEN, "networks": ["10.0.0.0/8"]}]
    explain("-", "docker.io/a/b", "--address", "10.1.2.3", listen=listen)
    lines = explain("-", "docker.io/a/b", "--address", "192.0.2.1", code=EXIT_REFUSED,
                    listen=listen)
    assert lines[-2] == (
        f"listen[0] {OPEN}: refused: networks of the listener do not contain 192.0.2.1")
    assert "no --address is given" in explain("-", "docker.io/a/b", listen=listen)[-2]


def test_a_unix_socket(explain):
    listen = [{"address": "unix:/run/entrepot/mirror.sock"}, {"address": OPEN}]
    rules = {"listen": listen, "access": [{"who": ["uid:1000"], "repositories": ["*"]}]}
    assert explain("-", "docker.io/a/b", "--uid", "1000", **rules)[-3:] == [
        "listen[0] unix:/run/entrepot/mirror.sock: allowed by access[0]",
        f"listen[1] {OPEN}: knows no user ids; refused: no rule matches", "allowed"]
    explain("-", "docker.io/a/b", "--uid", "1001", code=EXIT_REFUSED, **rules)
    assert "give its number with --uid" in explain("-", "docker.io/a/b", code=EXIT_REFUSED,
                                                   **rules)[-3]


def test_without_rules_a_listener_with_logins_needs_one(explain):
    assert explain("-", "docker.io/a/b")[-3:] == [
        f"listen[0] {OPEN}: allowed: no rules are configured",
        f"listen[1] {LOGIN}: refused: the listener needs a login", "allowed"]
    explain("-", "docker.io/a/b", "--listen", LOGIN, code=EXIT_REFUSED)
    explain("alice", "docker.io/a/b", "--listen", LOGIN)


def test_a_deny_list_binds_everybody(explain):
    lines = explain("ci", "docker.io/team/miner", code=EXIT_REFUSED,
                    **with_rules(policy={"docker.io": {"deny": ["*/miner*"]}}))
    assert "policy.docker.io.deny[0]: matches: */miner*" in lines
    assert lines[-1] == "refused"


@pytest.mark.parametrize("name", ["docker.io/alpine", "docker.io/library/alpine", "hub/alpine"])
def test_names_of_a_repository(explain, name):
    assert explain("-", name, **with_rules())[1] == "repository: docker.io/library/alpine"


@pytest.mark.parametrize("words, text", [
    (("-", "quay.io/a/b"), "quay.io/a/b begins with no configured upstream; these are: "),
    (("-", "alpine"), "begins with no configured upstream"),
    (("-", "docker.io"), "docker.io names no repository"),
    (("-", "docker.io/"), "docker.io/ names no repository"),
    (("-", "docker.io/Library/x"), "names no repository"),
    (("-", "docker.io/a/b:latest"), "names no repository"),
    (("-", "docker.io/a/b", "--listen", "127.0.0.1:1"), "does not listen on 127.0.0.1:1; it does"),
    (("-", "docker.io/a/b", "--address", "10.0.0.0/8"), "is no IP address"),
    (("-", "docker.io/a/b", "--uid", "root"), "is no user id"),
    (("-", "docker.io/a/b", "--certificate", "node-1"), "write cert:CN=NAME"),
    (("-", "docker.io/a/b", "--certificate", "*"), "such as CN=node-1"),
    (("a\tb", "docker.io/a/b"), "control character"),
    (("-",), "REPOSITORY"),
    ((), "USER"),
])
def test_wrong_usage(explain, words, text):
    assert text in explain(*words, code=EXIT_USAGE)


@pytest.mark.parametrize("keys, text", [
    ({"access": [{"who": ["alice"], "repositories": ["*"]}]}, "access[0].who[0]: "),
    ({"listen": [{"address": OPEN, "networks": ["10.0.0.1/8"]}]}, "listen[0].networks[0]: "),
    ({"policies": {}}, "policies: unknown key"),
])
def test_a_bad_configuration(explain, keys, text):
    assert text in explain("-", "docker.io/a/b", code=EXIT_CONFIG, **keys)


@pytest.mark.parametrize("user, repository", [
    (user, name) for user in ("ci", "carol", None) for name in ("library/app", "team/web", "x/y")])
def test_the_server_decides_the_same(start, upstream, tmp_path, user, repository):
    users = logins.write_users(tmp_path / "users", {"ci": "a", "carol": "b"})
    layer = upstream.add_blob(repository, blob(1000))
    entrepot = start(listen=[{"address": "127.0.0.1:0", "auth": {"htpasswd": str(users)}}],
                     **with_rules())
    headers = {"ci": basic("ci", "a"), "carol": basic("carol", "b"), None: {}}[user]
    status = entrepot.get(blob_target(layer, repository), headers=headers).status
    file = tmp_path / "explained.json"
    file.write_text(json.dumps(entrepot.config))
    done = run("access", "explain", user or "-", f"docker.io/{repository}", "--address",
               "127.0.0.1", "--config", str(file))
    assert (status, done.returncode) in ((200, 0), (403, EXIT_REFUSED)), done
