# SPDX-License-Identifier: Apache-2.0
"""Listeners with logins: whose credentials are accepted, who gets a challenge, and how users and
tokens change."""

from __future__ import annotations

import re

import pytest

from support import client, content, logins
from support.checks import REPOSITORY, assert_whole, blob_target, manifest_target
from support.entrepot import EXIT_CONFIG
from support.gate import eventually
from support.logins import basic, bearer
from support.reload import reload

TOKEN = "entrepot_" + "t" * 43
DIRECT = f"docker.io/{REPOSITORY}"
CHALLENGE = 'Basic realm="Entrepot", charset="UTF-8"'


@pytest.fixture
def users(tmp_path):
    return logins.write_users(tmp_path / "users", {"alice": "wonderland", "bob": "pass:word"})


@pytest.fixture
def tokens(tmp_path):
    return logins.write_tokens(tmp_path / "tokens.json", {"ci": TOKEN})


@pytest.fixture
def auth(users, tokens):
    return {"htpasswd": str(users), "tokens": str(tokens)}


@pytest.fixture
def image(upstream):
    return upstream.add_image(REPOSITORY, content.image(), "latest")


@pytest.fixture
def entrepot(start, image, auth):
    return start(listen=[{"address": "127.0.0.1:0", "auth": auth}])


def results(entrepot, result: str) -> float:
    return entrepot.metrics().sum("logins_total", result=result)


def assert_challenged(response) -> None:
    assert response.status == 401, response
    assert response.headers["WWW-Authenticate"] == CHALLENGE
    assert response.json()["errors"][0]["code"] == "UNAUTHORIZED"


def assert_denied(response) -> None:
    """Without a challenge, which old engines would answer with their password for Docker Hub."""
    assert response.status == 403, response
    assert "WWW-Authenticate" not in response.headers
    assert response.json()["errors"][0]["code"] == "DENIED"


ACCEPTED = [basic("alice", "wonderland"), basic("bob", "pass:word"), bearer(TOKEN),
            basic("ci", TOKEN), {"Authorization": bearer(TOKEN)["Authorization"].replace("B", "b")}]
WRONG = [basic("alice", "Wonderland"), basic("alice", ""), basic("mallory", "wonderland"),
         basic("", ""), basic("ci", "wonderland"), basic("alice", TOKEN), bearer("x" + TOKEN),
         {"Authorization": "Digest username=alice"}, {"Authorization": "Negotiate YII="}]


@pytest.mark.parametrize("credentials", ACCEPTED)
def test_accepted_credentials(entrepot, image, credentials):
    for repository in (REPOSITORY, DIRECT):
        assert_whole(entrepot.get(manifest_target("latest", repository), headers=credentials),
                     image.manifest)
        for layer in image.layers:
            assert_whole(entrepot.get(blob_target(layer, repository), headers=credentials), layer)
    assert entrepot.get("/v2/", headers=credentials).status == 200
    assert results(entrepot, "ok") == 1 + 2 * (1 + len(image.layers))


@pytest.mark.parametrize("credentials", WRONG)
def test_wrong_credentials(entrepot, image, credentials):
    assert_challenged(entrepot.get("/v2/", headers=credentials))
    assert_challenged(entrepot.get(manifest_target("latest", DIRECT), headers=credentials))
    assert_denied(entrepot.get(manifest_target("latest"), headers=credentials))
    entrepot.log.wait_for(r"client 127\.0\.0\.1 sends credentials that are not accepted: ")
    assert results(entrepot, "ok") == 0


@pytest.mark.parametrize("target", [
    "/v2/", f"/v2/{DIRECT}/manifests/latest", f"/v2/{DIRECT}/tags/list", "/v2/_catalog"])
def test_a_direct_request_without_login_gets_a_challenge(entrepot, target):
    assert_challenged(entrepot.get(target))


@pytest.mark.parametrize("target", [
    "/v2/?ns=docker.io", f"/v2/{REPOSITORY}/manifests/latest",
    f"/v2/{REPOSITORY}/manifests/latest?ns=docker.io",
    f"/v2/{DIRECT}/manifests/latest?ns=docker.io", "/docker.io/v2/",
    f"/docker.io/v2/{REPOSITORY}/manifests/latest"])
def test_a_request_to_a_mirror_gets_no_challenge(entrepot, target):
    assert_denied(entrepot.get(target))


def test_a_listener_that_never_challenges(start, image, auth):
    entrepot = start(listen=[{"address": "127.0.0.1:0", "auth": {**auth, "challenge": "never"}}])
    assert_denied(entrepot.get("/v2/"))
    assert_denied(entrepot.get(manifest_target("latest", DIRECT)))
    assert entrepot.get("/v2/", headers=basic("alice", "wonderland")).status == 200


def test_nothing_is_fetched_for_a_stranger(entrepot, upstream, image):
    for repository in (REPOSITORY, DIRECT, "docker.io/none/such"):
        for target in (manifest_target("latest", repository), blob_target(image.layers[0],
                                                                          repository)):
            assert entrepot.get(target).status in (401, 403)
    assert upstream.count("manifest") == upstream.count("blob") == 0


def test_an_unknown_registry_is_not_told_from_a_known_one(entrepot):
    one = entrepot.get("/v2/ghcr.io/a/b/manifests/latest?ns=ghcr.io")
    other = entrepot.get(manifest_target("latest") + "?ns=docker.io")
    assert (one.status, one.body) == (other.status, other.body)


def test_an_open_listener_ignores_credentials(start, image, auth):
    entrepot = start(listen=[{"address": "127.0.0.1:0"}, {"address": "127.0.0.1:0", "auth": auth}])
    response = entrepot.get(manifest_target("latest"), headers=basic("mallory", "no"))
    assert_whole(response, image.manifest)


def test_the_access_log_names_the_user(entrepot, image):
    entrepot.get(manifest_target("latest"), headers=basic("alice", "wonderland"))
    entrepot.log.wait_for(r'"GET /v2/library/app/manifests/latest" 200 .* user="alice"$')
    assert "wonderland" not in "".join(entrepot.log.lines)


def test_one_line_per_client_about_failures(entrepot):
    for _ in range(5):
        entrepot.get("/v2/", headers=basic("alice", "guess"))
    eventually(lambda: results(entrepot, "wrong-password") == 5, what="five failures")
    entrepot.log.wait_for("credentials that are not accepted")
    lines = [line for line in entrepot.log.lines if "credentials that are not accepted" in line]
    assert len(lines) == 1 and 'wrong-password, user "alice"' in lines[0]
    assert not [line for line in entrepot.log.lines if re.search(r" (warn|error) ", line)]


def test_an_expired_token(start, image, tmp_path):
    tokens = logins.write_tokens(tmp_path / "old.json", {"ci": TOKEN}, "2026-01-02T00:00:00Z")
    entrepot = start(listen=[{"address": "127.0.0.1:0", "auth": {"tokens": str(tokens)}}])
    assert_denied(entrepot.get(manifest_target("latest"), headers=bearer(TOKEN)))
    assert_challenged(entrepot.get("/v2/", headers=basic("ci", TOKEN)))
    assert results(entrepot, "expired-token") == 2


def test_two_authorization_fields(entrepot):
    with client.Connection(entrepot.port) as connection:
        fields = list(basic("alice", "wonderland").items()) + list(bearer(TOKEN).items())
        connection.send_request("GET", "/v2/", fields)
        assert connection.read_response().status == 400


# --- changes --------------------------------------------------------------------------------


def test_a_changed_password_counts_without_a_signal(entrepot, users):
    assert entrepot.get("/v2/", headers=basic("alice", "wonderland")).status == 200
    logins.write_users(users, {"alice": "looking-glass", "bob": "pass:word"})
    entrepot.log.wait_for(r"files have changed: new access rules on ")
    assert entrepot.get("/v2/", headers=basic("alice", "wonderland")).status == 401
    assert entrepot.get("/v2/", headers=basic("alice", "looking-glass")).status == 200
    assert entrepot.get("/v2/", headers=basic("bob", "pass:word")).status == 200


def test_a_removed_user_is_refused_on_a_kept_connection(entrepot, users):
    with client.Connection(entrepot.port) as connection:
        connection.send_request("GET", "/v2/", basic("bob", "pass:word"))
        assert connection.read_response().status == 200
        logins.write_users(users, {"alice": "wonderland"})
        entrepot.log.wait_for(r"files have changed: new access rules on ")
        connection.send_request("GET", "/v2/", basic("bob", "pass:word"))
        assert connection.read_response().status == 401


def test_a_revoked_token(entrepot, tokens):
    assert entrepot.get("/v2/", headers=bearer(TOKEN)).status == 200
    logins.write_tokens(tokens, {})
    entrepot.log.wait_for(r"files have changed: new access rules on ")
    assert entrepot.get("/v2/", headers=bearer(TOKEN)).status == 401
    assert results(entrepot, "unknown-token") == 1


def test_a_bad_file_leaves_the_users_as_they_are(entrepot, users):
    users.write_text("alice\n")
    entrepot.log.wait_for(r"error files have changed: .*line 1.*those before stay in force")
    assert entrepot.get("/v2/", headers=basic("alice", "wonderland")).status == 200


def test_a_number_out_of_range_ends_nothing(entrepot, tokens):
    tokens.write_text('{"tokens":[{"name":"ci","sha256":1e999}]}')
    entrepot.log.wait_for(r"error files have changed: .*out of range")
    assert entrepot.get("/v2/", headers=bearer(TOKEN)).status == 200


def test_an_empty_field_is_no_login(start, image, auth):
    entrepot = start(listen=[{"address": "127.0.0.1:0", "auth": auth}],
                     access=[{"who": ["anyone"], "repositories": ["*"]}])
    assert entrepot.get("/v2/", headers={"Authorization": ""}).status == 200


def test_a_token_in_the_place_of_the_user_is_not_logged(entrepot):
    assert entrepot.get("/v2/", headers=basic(TOKEN, "x")).status == 401
    entrepot.log.wait_for("credentials that are not accepted")
    assert TOKEN not in entrepot.log.text


def test_logins_come_with_a_signal(start, image, auth):
    entrepot = start(listen=[{"address": "127.0.0.1:0"}])
    assert entrepot.get("/v2/").status == 200
    entrepot.config["listen"][0]["auth"] = auth
    reload(entrepot, r"SIGHUP: the new configuration is in force; new access rules on ")
    assert_challenged(entrepot.get("/v2/"))
    assert entrepot.get("/v2/", headers=basic("alice", "wonderland")).status == 200
    del entrepot.config["listen"][0]["auth"]
    reload(entrepot)
    eventually(lambda: entrepot.get("/v2/").status == 200, what="an open listener")


# --- a flood of guesses -----------------------------------------------------------------------


def test_guesses_do_not_delay_others(start, image, tmp_path):
    """Each hash takes a good part of a second, and no more than 64 requests of a client wait."""
    slow = "$2y$13$" + logins.BCRYPT.split("$")[3]
    users = logins.write_users(tmp_path / "slow", {"alice": "wonderland"}, slow)
    entrepot = start(listen=[{"address": "127.0.0.1:0", "auth": {"htpasswd": str(users)}}],
                     limits={"connections_per_client": 1000}, threads={"serve": 1})
    assert_whole(entrepot.get(manifest_target("latest"), headers=basic("alice", "wonderland")),
                 image.manifest)
    guesses = []
    for number in range(80):
        guesses.append(client.Connection(entrepot.port))
        guesses[-1].send_request("GET", "/v2/", basic("alice", f"guess {number}"))
    # Some are refused at once; the others wait.
    eventually(lambda: results(entrepot, "busy") >= 1, what="a refused guess")
    last = guesses[-1].read_response()
    assert last.status == 503 and last.headers["Retry-After"] == "1"
    assert_whole(entrepot.get(manifest_target("latest"), headers=basic("alice", "wonderland")),
                 image.manifest)
    for connection in guesses:
        connection.close()
    # The other hashes are not computed, because nobody waits for them.
    eventually(lambda: entrepot.get("/v2/", headers=basic("bob", "")).status == 401,
               what="a verification")
    assert results(entrepot, "wrong-password") < 64


# --- entrepot check ---------------------------------------------------------------------------


@pytest.mark.parametrize("text, words", [
    ("alice:$apr1$abcdefgh$0123456789abcdefghijkl\n", ["line 1", "htpasswd -B"]),
    ("alice:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=\n", ["line 1", "htpasswd -B"]),
    ("alice:secret\n", ["line 1", "htpasswd -B"]),
    ("# users\n\nalice\n", ["line 3"]),
    (":x\n", ["line 1"]),
])
def test_a_bad_file_of_users(check_auth, tmp_path, text, words):
    (tmp_path / "users").write_text(text)
    done = check_auth({"htpasswd": "users"})
    assert done.returncode == EXIT_CONFIG, done
    for word in ["users", *words]:
        assert word in done.stderr, done.stderr


@pytest.mark.parametrize("auth, words", [
    ({}, "listen[0].auth: needs htpasswd or tokens, a file with the logins, or jwt"),
    ({"htpasswd": "absent"}, "listen[0].auth.htpasswd: cannot read"),
    ({"htpasswd": "/"}, "listen[0].auth.htpasswd: / is not a file"),
    ({"tokens": "absent"}, "listen[0].auth.tokens: cannot read"),
    ({"htpasswd": 7}, "listen[0].auth.htpasswd: expected a text"),
    ({"tokens": "t", "challenge": "always"}, "direct, never"),
    ({"realm": "x"}, "listen[0].auth.realm: unknown key"),
])
def test_bad_keys(check_auth, auth, words):
    done = check_auth(auth)
    assert done.returncode == EXIT_CONFIG and words in done.stderr, done.stderr


def test_hashes_that_everybody_can_read_are_a_warning(check_auth, users):
    users.chmod(0o644)
    done = check_auth({"htpasswd": str(users)})
    assert done.returncode == 0 and "can be read by every user" in done.stderr


@pytest.mark.parametrize("address, warned", [
    ("0.0.0.0:5000", True), ("[::]:5000", True), ("10.0.0.5:5000", True), ("127.0.0.1:5000", False),
    ("[::1]:5000", False), ("unix:/tmp/m.sock", False)])
def test_logins_in_clear_text_are_a_warning(check_auth, users, address, warned):
    done = check_auth({}, listen=[{"address": address, "auth": {"htpasswd": str(users)}}])
    assert done.returncode == 0 and ("in clear text" in done.stderr) == warned, done.stderr


def test_a_wrong_token_costs_no_hash(entrepot):
    """Its name is that of a token and of no user."""
    assert entrepot.get("/v2/", headers=basic("ci", "x" + TOKEN)).status == 401
    assert results(entrepot, "unknown-token") == 1


def test_a_user_and_a_token_of_one_name(check_auth, users, tmp_path):
    tokens = logins.write_tokens(tmp_path / "t.json", {"alice": TOKEN})
    done = check_auth({"htpasswd": str(users), "tokens": str(tokens)})
    assert done.returncode == EXIT_CONFIG and "rename the token" in done.stderr
