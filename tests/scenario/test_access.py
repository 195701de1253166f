# SPDX-License-Identifier: Apache-2.0
"""Access rules: users, groups, networks and repositories, deny lists, and what a
client learns from a refusal."""

from __future__ import annotations

import json
import os

import pytest

from support import client, content, logins, unix_client
from support.checks import assert_whole, blob_target, manifest_target
from support.entrepot import EXIT_CONFIG, run
from support.gate import eventually
from support.logins import basic, bearer
from support.reload import reload

TOKEN = "entrepot_" + "t" * 43
USERS = {"alice": "a", "bob": "b", "carol": "c"}
AS = {"alice": basic("alice", "a"), "bob": basic("bob", "b"), "carol": basic("carol", "c"),
      "ci": bearer(TOKEN), None: {}}
REPOSITORIES = ["library/app", "team/web", "team/web/base", "secret/tool", "secret/miner"]
RULES = [
    {"who": ["user:carol"], "repositories": ["*"], "allow": False},
    {"who": ["group:admins"], "repositories": ["*"]},
    {"who": ["group:build"], "repositories": ["docker.io/team/*", "docker.io/library/*"]},
    {"who": ["user:b?b"], "repositories": ["docker.io/secret/tool"]},
    {"who": ["net:127.0.0.2"], "repositories": ["docker.io/team/web"]},
    {"who": ["net:127.0.0.3/32"], "repositories": ["*"], "allow": False},
    {"who": ["login"], "repositories": ["docker.io/library/*"]},
    {"who": ["anonymous"], "repositories": ["docker.io/library/app"]},
]
GROUPS = {"admins": ["alice"], "build": ["ci", "bob"]}
# The caller, its address, and the repositories that it may pull.
TABLE = [
    ("alice", "127.0.0.1", {"library/app", "team/web", "team/web/base", "secret/tool"}),
    ("bob", "127.0.0.1", {"library/app", "team/web", "team/web/base", "secret/tool"}),
    ("ci", "127.0.0.1", {"library/app", "team/web", "team/web/base"}),
    ("carol", "127.0.0.1", set()),
    (None, "127.0.0.1", {"library/app"}),
    ("alice", "127.0.0.2", {"library/app", "team/web", "team/web/base", "secret/tool"}),
    ("ci", "127.0.0.2", {"library/app", "team/web", "team/web/base"}),
    ("carol", "127.0.0.2", set()),
    (None, "127.0.0.2", {"library/app", "team/web"}),
    ("alice", "127.0.0.3", {"library/app", "team/web", "team/web/base", "secret/tool"}),
    ("ci", "127.0.0.3", {"library/app", "team/web", "team/web/base"}),
    (None, "127.0.0.3", set()),
]


@pytest.fixture
def auth(tmp_path):
    return {"htpasswd": str(logins.write_users(tmp_path / "users", USERS)),
            "tokens": str(logins.write_tokens(tmp_path / "tokens.json", {"ci": TOKEN}))}


@pytest.fixture
def images(upstream):
    return {name: upstream.add_image(name, content.image(seed=seed), "latest")
            for seed, name in enumerate(REPOSITORIES)}


@pytest.fixture
def entrepot(start, images, auth):
    return start(listen=[{"address": "127.0.0.1:0", "auth": auth}], access=RULES, groups=GROUPS,
                 policy={"docker.io": {"deny": ["*/miner"]}})


def get(entrepot, target, user=None, source="", method="GET"):
    with client.Connection(entrepot.port, source=source) as connection:
        connection.send_request(method, target, AS[user])
        return connection.read_response(method)


def test_the_table(entrepot, images):
    """60 rows: who asks from where for which repository; by tag, and by the digest of a layer."""
    rows = 0
    for user, source, allowed in TABLE:
        for name, image in images.items():
            rows += 1
            expected = {200} if name in allowed else {403}
            seen = {get(entrepot, target, user, source).status
                    for target in (manifest_target("latest", name),
                                   blob_target(image.layers[0], name))}
            assert seen == expected, (user, source, name, seen)
    assert rows == 60
    refused = entrepot.metrics()
    assert refused.sum("access_refused_total", reason="deny-list") == 2 * len(TABLE)
    assert refused.sum("access_refused_total", reason="network") == 0


def test_a_blob_follows_the_repository_of_the_request(entrepot, images):
    """The layer of a repository that a client may pull is not served to it under another name."""
    layer = images["secret/tool"].layers[0]
    assert_whole(get(entrepot, blob_target(layer, "secret/tool"), "bob"), layer)
    assert get(entrepot, blob_target(layer, "secret/tool"), "ci").status == 403
    assert get(entrepot, blob_target(layer, "library/app"), "ci").status == 404


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_refusal_does_not_tell_what_exists(entrepot, images, upstream, method):
    absent = "0" * 64
    answers = [get(entrepot, target, "ci", method=method) for target in (
        manifest_target("latest", "secret/tool"), manifest_target("absent", "secret/tool"),
        manifest_target("latest", "secret/none"),
        blob_target(images["secret/tool"].layers[0], "secret/tool"),
        f"/v2/secret/tool/blobs/sha256:{absent}", "/v2/secret/tool/tags/list",
        f"/v2/secret/tool/referrers/sha256:{absent}")]
    assert {answer.status for answer in answers} == {403}
    assert len({(answer.body, answer.headers.get("Content-Length")) for answer in answers}) == 1
    assert not upstream.count("manifest") and not upstream.count("blob")


def test_the_deny_list_binds_administrators(entrepot):
    response = get(entrepot, manifest_target("latest", "secret/miner"), "alice")
    assert response.status == 403 and b"deny list" in response.body


def test_ranges_and_heads_are_refused_alike(entrepot, images):
    layer = images["secret/tool"].layers[0]
    assert get(entrepot, blob_target(layer, "secret/tool"), "alice").status == 200
    for method in ("GET", "HEAD"):
        with client.Connection(entrepot.port) as connection:
            connection.send_request(method, blob_target(layer, "secret/tool"),
                                    {**AS["ci"], "Range": "bytes=0-1"})
            assert connection.read_response(method).status == 403


def test_all_paths_name_the_same_repository(start, upstream, auth):
    upstream.add_image("secret/tool", content.image(), "latest")
    entrepot = start(listen=[{"address": "127.0.0.1:0", "auth": auth}], access=RULES, groups=GROUPS)
    for target in ("/v2/docker.io/secret/tool/manifests/latest",
                   "/v2/secret/tool/manifests/latest?ns=docker.io",
                   "/docker.io/v2/secret/tool/manifests/latest"):
        assert get(entrepot, target, "ci").status == 403, target
        assert get(entrepot, target, "bob").status in (200, 404), target


def test_a_client_without_login_gets_a_challenge_where_one_could_help(entrepot):
    response = get(entrepot, manifest_target("latest", "docker.io/secret/tool"))
    assert response.status == 401 and response.headers["WWW-Authenticate"].startswith("Basic ")
    # Anonymous clients may pull something, so the ping lets them in.
    assert get(entrepot, "/v2/").status == 200
    assert get(entrepot, "/v2/", source="127.0.0.3").status == 200
    assert get(entrepot, manifest_target("latest", "docker.io/secret/tool"), "ci").status == 403
    assert get(entrepot, "/v2/", "carol").status == 200


def test_the_networks_of_a_listener(start, images):
    entrepot = start(listen=[{"address": "0.0.0.0:0", "networks": ["127.0.0.2", "10.0.0.0/8"]}])
    target = manifest_target("latest", "library/app")
    assert get(entrepot, target, source="127.0.0.2").status == 200
    response = get(entrepot, target, source="127.0.0.4")
    assert response.status == 403 and b"network" in response.body
    assert entrepot.metrics().sum("access_refused_total", reason="network") == 1
    entrepot.log.wait_for(r"access 127\.0\.0\.4:\d+ .* 403 refused network ")


def test_the_user_of_a_unix_socket(start, images, tmp_path):
    path = tmp_path / "m.sock"
    entrepot = start(listen=[{"address": "127.0.0.1:0"}, {"address": f"unix:{path}"}],
                     access=[{"who": [f"uid:{os.getuid()}"], "repositories": ["docker.io/team/*"]},
                             {"who": ["anonymous"], "repositories": ["docker.io/library/*"]}])
    for name, status in (("team/web", 200), ("library/app", 403)):
        assert unix_client.get(path, manifest_target("latest", name)).status == status
    for name, status in (("team/web", 403), ("library/app", 200)):
        assert entrepot.get(manifest_target("latest", name)).status == status


def test_rules_change_with_a_signal(entrepot, images):
    target = manifest_target("latest", "secret/tool")
    assert get(entrepot, target, "ci").status == 403
    entrepot.config["groups"]["admins"].append("ci")
    reload(entrepot, r"SIGHUP: the new configuration is in force; new access rules on ")
    assert_whole(get(entrepot, target, "ci"), images["secret/tool"].manifest)
    entrepot.config["policy"]["docker.io"]["deny"].append("secret/*")
    reload(entrepot)
    eventually(lambda: get(entrepot, target, "ci").status == 403, what="a refusal")
    entrepot.config["access"][0]["who"] = ["users:carol"]
    reload(entrepot, r"SIGHUP: the configuration is invalid")
    assert get(entrepot, manifest_target("latest", "library/app"), "ci").status == 200


def test_deny_lists_need_no_rules(start, images):
    entrepot = start(policy={"docker.io": {"deny": ["team/*"]}})
    assert get(entrepot, manifest_target("latest", "library/app")).status == 200
    assert get(entrepot, manifest_target("latest", "team/web")).status == 403


# --- entrepot check ---------------------------------------------------------------------------

RULE = {"who": ["anyone"], "repositories": ["*"]}


@pytest.mark.parametrize("keys, words", [
    ({"access": []}, "access: holds no rule"),
    ({"access": {}}, "access: expected a list"),
    ({"access": [{}]}, "access[0].who: missing"),
    ({"access": [{"who": ["anyone"]}]}, "access[0].repositories: missing"),
    ({"access": [{**RULE, "allowed": True}]}, "access[0].allowed: unknown key"),
    ({"access": [{**RULE, "who": ["alice"]}]}, "access[0].who[0]:"),
    ({"access": [{**RULE, "who": ["group:none"]}]}, "access[0].who[0]:"),
    ({"access": [{**RULE, "who": ["net:10.0.0.1/8"]}]}, "write 10.0.0.0/8"),
    ({"access": [{**RULE, "who": ["net:10.0.0/8"]}]}, "access[0].who[0]:"),
    ({"access": [{**RULE, "who": ["cert:node-*"]}]}, "write cert:CN="),
    ({"access": [{**RULE, "who": ["uid:root"]}]}, "access[0].who[0]:"),
    ({"access": [{**RULE, "who": ["claim:azp"]}]}, "write claim:NAME=VALUE"),
    ({"access": [{**RULE, "repositories": [""]}]}, "access[0].repositories[0]:"),
    ({"access": [{**RULE, "repositories": ["quay.io/*"]}]}, "access[0].repositories[0]:"),
    ({"access": [RULE], "groups": {"a": "alice"}}, "groups.a: expected a list"),
    ({"access": [RULE], "groups": {"a": ["b\tc"]}}, "groups.a[0]:"),
    ({"policy": {"docker.io": {"deny": [""]}}}, "policy.docker.io.deny[0]:"),
    ({"policy": {"quay.io": {"deny": ["*"]}}}, "policy.quay.io: no upstream of this name"),
    ({"policy": {"docker.io": {"refuse": []}}}, "policy.docker.io.refuse: unknown key"),
    ({"listen": [{"address": "127.0.0.1:0", "networks": ["10.1.0.0/8"]}]},
     "listen[0].networks[0]: "),
    ({"listen": [{"address": "127.0.0.1:0", "networks": ["lan"]}]}, "listen[0].networks[0]: "),
    ({"listen": [{"address": "unix:/tmp/m.sock", "networks": ["10.0.0.0/8"]}]},
     "listen[0].networks: the clients of a unix socket have no address"),
])
def test_bad_rules(tmp_path, keys, words):
    file = tmp_path / "entrepot.json"
    file.write_text(json.dumps({
        "upstreams": {"docker.io": {"endpoints": [{"url": "https://registry-1.docker.io"}]}},
        "cache": {"directory": str(tmp_path / "cache")}, **keys}))
    done = run("check", "--config", str(file))
    assert done.returncode == EXIT_CONFIG and words in done.stderr, done.stderr
