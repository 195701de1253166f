# SPDX-License-Identifier: Apache-2.0
"""Listeners with issuers of JSON Web Tokens: which tokens are accepted, what rules know of them,
and how keys change."""

from __future__ import annotations

import json
import time

import pytest

from support import content, logins
from support.checks import REPOSITORY, assert_whole, blob_target, manifest_target
from support.content import blob
from support.entrepot import EXIT_CONFIG, run
from support.gate import eventually
from support.jwts import AUDIENCE, ISSUER, SUBJECT, Key, claims, encode, hmac_token, write_keys
from support.logins import basic, bearer
from support.reload import reload

DIRECT = f"docker.io/{REPOSITORY}"
CHALLENGE = 'Basic realm="Entrepot", charset="UTF-8"'
EXIT_REFUSED = 1


@pytest.fixture(scope="module")
def key():
    return Key("ES256", "one")


@pytest.fixture(scope="module")
def rsa_key():
    return Key("RS256", "rsa")


@pytest.fixture(scope="module")
def other_key():
    return Key("ES256", "one")


@pytest.fixture
def keys(tmp_path, key, rsa_key):
    return write_keys(tmp_path / "jwks.json", key, rsa_key)


@pytest.fixture
def issuer(keys):
    return {"issuer": ISSUER, "audience": AUDIENCE, "keys": str(keys)}


@pytest.fixture
def image(upstream):
    return upstream.add_image(REPOSITORY, content.image(), "latest")


@pytest.fixture
def entrepot(start, image, issuer):
    return start(listen=[{"address": "127.0.0.1:0", "auth": {"jwt": [issuer]}}])


def results(entrepot, result: str) -> float:
    return entrepot.metrics().sum("logins_total", result=result)


def ping(entrepot, token: str) -> int:
    return entrepot.get("/v2/", headers=bearer(token)).status


@pytest.mark.parametrize("algorithm", ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512",
                                       "ES256", "ES384", "EdDSA"])
@pytest.mark.parametrize("form", ["set", "pem"])
def test_accepted_algorithms(start, image, issuer, keys, algorithm, form):
    signer = Key(algorithm, "k")
    write_keys(keys, Key("EdDSA", "k"), signer)
    if form == "pem":
        keys.write_bytes(Key("ES384").pem() + signer.pem())
    entrepot = start(listen=[{"address": "127.0.0.1:0", "auth": {"jwt": [issuer]}}])
    token = signer.token()
    # Credential providers and `docker login` send a token as a password; the user has no meaning.
    for credentials in (bearer(token), basic("anything", token), basic("", token)):
        assert entrepot.get("/v2/", headers=credentials).status == 200
        for repository in (REPOSITORY, DIRECT):
            assert_whole(entrepot.get(manifest_target("latest", repository), headers=credentials),
                         image.manifest)
    assert results(entrepot, "ok") == 9
    entrepot.log.wait_for(rf'" 200 .* user="{SUBJECT}"$')
    assert token not in entrepot.log.text


def without_signature(key, rsa_key, other_key):
    return encode({"alg": "none"}) + "." + encode(claims()) + "."


def with_header(**header):
    return lambda key, rsa_key, other_key: key.token(**header)


def with_claims(**more):
    return lambda key, rsa_key, other_key: key.token(claims(**more))


def changed(key, rsa_key, other_key):
    head, _, signature = key.token().split(".")
    return ".".join((head, encode(claims(sub="admin")), signature))


def twice(key, rsa_key, other_key):
    return key.token(json.dumps(claims()).replace("{", '{"sub":"admin",', 1).encode())


NOW = int(time.time())
BAD = {
    "expired": (with_claims(exp=NOW - 3600), "jwt-expired"),
    "not_yet": (with_claims(nbf=NOW + 3600), "jwt-not-yet"),
    "issued_in_the_future": (with_claims(iat=NOW + 3600), "jwt-not-yet"),
    "without_end": (with_claims(exp=None), "jwt-malformed"),
    "end_is_a_text": (with_claims(exp="2999-01-01"), "jwt-malformed"),
    "foreign_issuer": (with_claims(iss="https://other.example"), "jwt-issuer"),
    "without_issuer": (with_claims(iss=None), "jwt-malformed"),
    "foreign_audience": (with_claims(aud="https://kubernetes.default.svc"), "jwt-audience"),
    "without_audience": (with_claims(aud=None), "jwt-audience"),
    "without_subject": (with_claims(sub=None), "jwt-user"),
    "subject_is_a_list": (with_claims(sub=["a", "b"]), "jwt-user"),
    "foreign_key": (lambda key, rsa_key, other_key: other_key.token(), "jwt-signature"),
    "unknown_key": (with_header(kid="two"), "jwt-key"),
    "key_of_another_type": (lambda key, rsa_key, other_key: key.token(kid="rsa"), "jwt-key"),
    "changed": (changed, "jwt-signature"),
    "subject_twice": (twice, "jwt-malformed"),
    "truncated": (lambda key, rsa_key, other_key: key.token()[:-6], "jwt-signature"),
    "cut_claims": (lambda key, rsa_key, other_key: key.token(b'{"iss":"' + ISSUER.encode()),
                   "jwt-malformed"),
    "claims_are_a_list": (lambda key, rsa_key, other_key: key.token(b"[]"), "jwt-malformed"),
    "none_with_a_signature": (with_header(alg="none"), "jwt-algorithm"),
    "hmac_with_the_public_key": (lambda key, rsa_key, other_key: hmac_token(rsa_key.pem()),
                                 "jwt-algorithm"),
    "other_algorithm": (lambda key, rsa_key, other_key: rsa_key.token(alg="RS384"),
                        "jwt-signature"),
    "critical_extension": (with_header(crit=["b64"], b64=False), "jwt-algorithm"),
    # Without the form of a JWT: no token of this listener.
    "without_signature": (without_signature, "unknown-token"),
    "two_parts": (lambda key, rsa_key, other_key: key.token().rsplit(".", 1)[0], "unknown-token"),
    "encrypted": (lambda key, rsa_key, other_key: "eyJh.a.b.c.d", "unknown-token"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_tokens(entrepot, upstream, key, rsa_key, other_key, name):
    make, result = BAD[name]
    token = make(key, rsa_key, other_key)
    response = entrepot.get("/v2/", headers=bearer(token))
    assert response.status == 401 and response.headers["WWW-Authenticate"] == CHALLENGE
    assert response.json()["errors"][0]["code"] == "UNAUTHORIZED"
    response = entrepot.get(manifest_target("latest"), headers=bearer(token))
    assert response.status == 403 and "WWW-Authenticate" not in response.headers
    assert response.json()["errors"][0]["code"] == "DENIED"
    # No word about the reason, which would help to make a better token.
    assert response.json()["errors"][0]["message"] == "wrong user, password or token"
    assert results(entrepot, result) == 2 and results(entrepot, "ok") == 0
    entrepot.log.wait_for(rf"info +client 127\.0\.0\.1 sends credentials that are not accepted: "
                          rf"{result}[ ,]")
    assert upstream.count("manifest") == 0
    assert token not in entrepot.log.text


def test_the_log_tells_the_part_that_is_wrong(entrepot, key):
    ping(entrepot, key.token(claims(aud="https://kubernetes.default.svc")))
    entrepot.log.wait_for(r'not accepted: jwt-audience \("aud" is "https://kubernetes\.default\.svc'
                          rf'"\), user "{SUBJECT}"; correct')


def test_a_token_in_the_place_of_the_user_is_not_logged(entrepot, key):
    token = key.token()
    assert entrepot.get("/v2/", headers=basic(token, "x")).status == 401
    entrepot.log.wait_for("credentials that are not accepted")
    assert token[:40] not in entrepot.log.text


def test_a_token_ends_on_a_kept_connection(start, image, issuer, key):
    entrepot = start(listen=[{"address": "127.0.0.1:0",
                              "auth": {"jwt": [{**issuer, "leeway": "0s"}]}}])
    token = a_token_that_ends_soon(entrepot, key)
    refused = results(entrepot, "jwt-expired")
    eventually(lambda: ping(entrepot, token) == 401, what="the end of the token")
    assert results(entrepot, "jwt-expired") == refused + 1


def a_token_that_ends_soon(entrepot, key) -> str:
    """It has been accepted. A busy machine may take longer for a request than the first one is valid."""
    for seconds in (3, 6, 12, 24):
        token = key.token(claims(exp=int(time.time()) + seconds))
        if ping(entrepot, token) == 200:
            return token
    raise AssertionError("no token was accepted")


def test_a_large_token(entrepot, key):
    assert ping(entrepot, key.token(claims(groups=[f"group-{i:04}" for i in range(700)]))) == 200
    # The field as a whole has 16 KiB at most.
    assert ping(entrepot, key.token(claims(groups=["x" * 16384]))) == 400


def test_a_listener_without_issuers(start, image, tmp_path, issuer, key):
    tokens = logins.write_tokens(tmp_path / "tokens.json", {})
    entrepot = start(listen=[{"address": "127.0.0.1:0", "auth": {"tokens": str(tokens)}}])
    assert ping(entrepot, key.token()) == 401
    assert entrepot.get("/v2/", headers=basic("x", key.token())).status == 401
    assert results(entrepot, "unknown-token") == results(entrepot, "unknown-user") == 1


def test_users_and_tokens_beside_issuers(start, image, tmp_path, issuer, key):
    users = logins.write_users(tmp_path / "users", {"alice": "wonderland"})
    tokens = logins.write_tokens(tmp_path / "tokens.json", {"ci": "entrepot_t"})
    entrepot = start(listen=[{"address": "127.0.0.1:0", "auth": {
        "htpasswd": str(users), "tokens": str(tokens), "jwt": [issuer]}}])
    for credentials in (basic("alice", "wonderland"), bearer("entrepot_t"),
                        basic("ci", "entrepot_t"), bearer(key.token()),
                        basic("alice", key.token())):
        assert entrepot.get("/v2/", headers=credentials).status == 200
    # A JWT gets the rights of no user of a file.
    for name in ("alice", "ci"):
        assert ping(entrepot, key.token(claims(sub=name))) == 401
    assert results(entrepot, "jwt-user") == 2
    entrepot.log.wait_for(r'jwt-user \(a user or a token of this listener has the same name\), '
                          r'user "alice"')


# --- rules ------------------------------------------------------------------------------------

RULES = [
    {"who": ["claim:/kubernetes.io/namespace=prod*"], "repositories": ["*"], "allow": False},
    {"who": [f"user:{SUBJECT}"], "repositories": ["docker.io/team/subject"]},
    {"who": ["claim:/kubernetes.io/serviceaccount/name=build*"],
     "repositories": ["docker.io/team/claim"]},
    {"who": ["group:ops"], "repositories": ["docker.io/team/ops"]},
    {"who": ["group:build"], "repositories": ["docker.io/team/build"]},
    {"who": ["claim:admin=true"], "repositories": ["docker.io/team/admin"]},
]
SENDERS = {
    "builder": {},
    "prod": {"kubernetes.io": {"namespace": "production"}},
    "ops": {"sub": "eve", "roles": ["dev", "ops"], "kubernetes.io": None},
    "build": {"sub": "zoe", "roles": ["build"], "kubernetes.io": None},
    "admin": {"sub": "eve", "admin": True, "roles": [], "kubernetes.io": None},
}
ALLOWED = {"builder": {"subject", "claim", "build"}, "prod": set(), "ops": {"ops"},
           "build": set(), "admin": {"admin"}}


@pytest.mark.parametrize("sender", SENDERS)
def test_rules(start, upstream, tmp_path, issuer, key, sender):
    names = ("subject", "claim", "ops", "build", "admin")
    layers = {name: upstream.add_blob(f"team/{name}", blob(1000)) for name in names}
    # The configured group has its members only, whatever the tokens say.
    entrepot = start(listen=[{"address": "127.0.0.1:0",
                              "auth": {"jwt": [{**issuer, "groups": "roles"}]}}],
                     access=RULES, groups={"build": [SUBJECT]})
    payload = claims(**SENDERS[sender])
    token = key.token(payload)
    served = {name for name, layer in layers.items() if entrepot.get(
        blob_target(layer, f"team/{name}"), headers=bearer(token)).status == 200}
    assert served == ALLOWED[sender]

    file = tmp_path / "explained.json"
    file.write_text(json.dumps(entrepot.config))
    words = []
    for name, value in payload.items():
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, dict):
                words += ["--claim", f"/{name}/namespace={each['namespace']}"]
                account = each.get("serviceaccount", {}).get("name", "")
                words += ["--claim", f"/{name}/serviceaccount/name={account}"]
            else:
                words += ["--claim", f"{name}={'true' if each is True else each}"]
    for name in names:
        done = run("access", "explain", payload["sub"], f"docker.io/team/{name}", *words,
                   "--config", str(file))
        assert done.returncode == (0 if name in served else EXIT_REFUSED), done


def test_names_of_two_issuers(start, upstream, tmp_path, issuer, key):
    second = Key("EdDSA")
    keys = write_keys(tmp_path / "second.json", second)
    layer = upstream.add_blob("a/b", blob(1000))
    entrepot = start(
        listen=[{"address": "127.0.0.1:0", "auth": {"jwt": [
            issuer, {"issuer": "https://second.example", "audience": ["x", "y"],
                     "keys": str(keys), "user": "/person/name", "user_prefix": "second:"}]}}],
        access=[{"who": ["user:second:alice"], "repositories": ["*"]}])
    payload = claims(iss="https://second.example", aud="y", person={"name": "alice"})
    assert entrepot.get(blob_target(layer, "a/b"),
                        headers=bearer(second.token(payload))).status == 200
    first = key.token(claims(sub="alice"))
    assert entrepot.get(blob_target(layer, "a/b"), headers=bearer(first)).status == 403
    # Each issuer signs with its own key only.
    assert ping(entrepot, key.token(payload)) == 401
    assert ping(entrepot, second.token()) == 401
    assert results(entrepot, "jwt-key") == 2


# --- changes ----------------------------------------------------------------------------------


def test_a_removed_key_counts_without_a_signal(entrepot, keys, key, rsa_key):
    old, new = Key("ES256", "new"), Key("EdDSA", "newest")
    tokens = [key.token(), rsa_key.token(), new.token()]
    assert [ping(entrepot, token) for token in tokens] == [200, 200, 401]
    assert ping(entrepot, old.token()) == 401
    write_keys(keys, rsa_key, new)
    entrepot.log.wait_for(r"files have changed: new access rules on ")
    assert [ping(entrepot, token) for token in tokens] == [401, 200, 200]


def test_a_bad_file_leaves_the_keys_as_they_are(entrepot, keys, key):
    keys.write_text('{"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}')
    entrepot.log.wait_for(r"error files have changed: .*jwks\.json, keys\[0\]: is a secret.*"
                          r"those before stay in force")
    assert ping(entrepot, key.token()) == 200


def test_issuers_come_with_a_signal(start, image, issuer, key, keys):
    entrepot = start(listen=[{"address": "127.0.0.1:0"}])
    assert entrepot.get("/v2/").status == 200
    entrepot.config["listen"][0]["auth"] = {"jwt": [issuer]}
    reload(entrepot, r"SIGHUP: the new configuration is in force; new access rules on ")
    assert entrepot.get("/v2/").status == 401
    assert ping(entrepot, key.token()) == 200
    # Another audience ends the memory of the token.
    entrepot.config["listen"][0]["auth"]["jwt"] = [{**issuer, "audience": "other"}]
    reload(entrepot)
    eventually(lambda: ping(entrepot, key.token()) == 401, what="the other audience")


# --- entrepot check ---------------------------------------------------------------------------


@pytest.mark.parametrize("changes, words", [
    ({"issuer": None}, "listen[0].auth.jwt[0].issuer: missing"),
    ({"issuer": 7}, "listen[0].auth.jwt[0].issuer: expected a text"),
    ({"audience": None}, "listen[0].auth.jwt[0].audience: missing: only tokens for this audience"),
    ({"audience": []}, "listen[0].auth.jwt[0].audience: missing"),
    ({"audience": ""}, "listen[0].auth.jwt[0].audience: an audience is empty"),
    ({"audience": 7}, "listen[0].auth.jwt[0].audience: expected a list"),
    ({"audience": [7]}, "listen[0].auth.jwt[0].audience[0]: expected a text"),
    ({"keys": None}, "listen[0].auth.jwt[0].keys: missing"),
    ({"keys": "absent"}, "listen[0].auth.jwt[0].keys: cannot read"),
    ({"user": ""}, "listen[0].auth.jwt[0].user: missing"),
    ({"user": "/a~"}, "listen[0].auth.jwt[0].user: \"/a~\" has a tilde"),
    ({"groups": "/"}, "listen[0].auth.jwt[0].groups: names no claim"),
    ({"user_prefix": "a\n"}, "listen[0].auth.jwt[0].user_prefix: the name has a control character"),
    ({"leeway": "11m"}, "listen[0].auth.jwt[0].leeway: longer than 10m"),
    ({"leeway": -1}, "listen[0].auth.jwt[0].leeway: "),
    ({"secret": "x"}, "listen[0].auth.jwt[0].secret: unknown key"),
])
def test_bad_keys(check_auth, issuer, changes, words):
    entry = {name: value for name, value in {**issuer, **changes}.items() if value is not None}
    done = check_auth({"jwt": [entry]})
    assert done.returncode == EXIT_CONFIG and words in done.stderr, done.stderr


@pytest.mark.parametrize("text, words", [
    ("", "no key that verifies a token"),
    ("{}", "no JWK Set"),
    ('{"keys": [{"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}]}', "keys[0]: is no key"),
    ("-----BEGIN PRIVATE KEY-----\n", "has a private key"),
])
def test_a_bad_file_of_keys(check_auth, issuer, keys, text, words):
    keys.write_text(text)
    done = check_auth({"jwt": [issuer]})
    assert done.returncode == EXIT_CONFIG and words in done.stderr, done.stderr
    assert "jwks.json" in done.stderr


def test_a_sound_configuration(check_auth, issuer):
    done = check_auth({"jwt": [issuer]})
    assert done.returncode == 0 and done.stderr == "", done.stderr


def test_an_issuer_twice(check_auth, issuer):
    done = check_auth({"jwt": [issuer, issuer]})
    assert done.returncode == EXIT_CONFIG
    assert "listen[0].auth.jwt[1].issuer: is in the list already" in done.stderr, done.stderr


@pytest.mark.parametrize("groups, code", [("roles", 0), ("", EXIT_CONFIG)])
def test_a_rule_may_name_a_group_of_the_claims(check_auth, issuer, groups, code):
    done = check_auth({"jwt": [{**issuer, "groups": groups}]},
                 access=[{"who": ["group:ops"], "repositories": ["*"]}])
    assert done.returncode == code, done.stderr
    assert code == 0 or 'no group "ops"' in done.stderr
