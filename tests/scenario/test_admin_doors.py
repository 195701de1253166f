# SPDX-License-Identifier: Apache-2.0
"""The doors of the admin listener: networks, logins, certificates and user ids; the rights to probe,
to scrape, to read and to change; and the commands that ask it."""

from __future__ import annotations

import json
import os
import ssl

import pytest

from support import client, content, https, jwts, logins, unix_client
from support.checks import REPOSITORY, assert_whole, blob_target
from support.daemon import ShortDirectory
from support.entrepot import EXIT_CONFIG, run
from support.gate import eventually
from support.keeping import settled
from support.logins import basic, bearer
from support.metrics import Samples
from support.reload import reload

TOKEN = "entrepot_" + "t" * 43
PASSWORDS = {"alice": "a", "bob": "b"}
ADDRESS = {"address": "127.0.0.1:0"}
PROBES = ("/healthz", "/readyz")
# A request that needs each right, and one whose path does not exist.
REQUESTS = {"probes": ("GET", "/readyz"), "metrics": ("GET", "/metrics"),
            "read": ("GET", "/api/v1/cache"), "change": ("PUT", "/api/v1/cache/pins?pattern=a/*")}
EXIT_FOUND = 1


@pytest.fixture(scope="module")
def fleet(tmp_path_factory):
    """The authority of the clients."""
    return https.Authority(tmp_path_factory.mktemp("fleet"))


@pytest.fixture(scope="module")
def server(authority):
    return authority.leaf("admin", hosts=["IP:127.0.0.1", "DNS:localhost", "DNS:admin.example"],
                          key_type="ec")


@pytest.fixture(scope="module")
def operator(fleet):
    return fleet.leaf("operator", hosts=["DNS:operator.example"], key_type="ec", usage="clientAuth")


@pytest.fixture(scope="module")
def key():
    return jwts.Key("ES256", kid="one")


@pytest.fixture
def auth(tmp_path, key):
    keys = tmp_path / "keys.json"
    keys.write_text(json.dumps({"keys": [key.jwk()]}))
    return {"htpasswd": str(logins.write_users(tmp_path / "users", PASSWORDS)),
            "tokens": str(logins.write_tokens(tmp_path / "tokens.json", {"ops": TOKEN})),
            "jwt": [{"issuer": jwts.ISSUER, "audience": jwts.AUDIENCE, "keys": str(keys)}]}


@pytest.fixture
def directory():
    made = ShortDirectory("doors")
    yield made.path
    made.remove()


def statuses(ask) -> dict[str, int]:
    """The answer to a request for each right. `ask(method, target)` sends it."""
    return {right: ask(method, target).status for right, (method, target) in REQUESTS.items()}


def asking(entrepot, headers=(), source=""):
    def ask(method, target):
        with client.Connection(entrepot.admin_port, source=source) as connection:
            connection.send_request(method, target, headers)
            return connection.read_response(method)
    return ask


def asking_tls(entrepot, context, **options):
    return lambda method, target: https.get(entrepot.admin_port, target, context, method, **options)


def all_but(*rights, refused: int) -> dict[str, int]:
    return {right: refused if right in rights else 200 for right in REQUESTS}


ALL = dict.fromkeys(REQUESTS, 200)


# --- Rights and proofs.


def test_without_doors_everything_is_open(start):
    assert statuses(asking(start())) == ALL


@pytest.mark.parametrize("proof", ["password", "token", "token as a password", "jwt"])
def test_logins(start, auth, key, proof):
    headers, user = {"password": (basic("alice", "a"), "alice"),
                     "token": (bearer(TOKEN), "ops"),
                     "token as a password": (basic("ops", TOKEN), "ops"),
                     "jwt": (bearer(key.token(jwts.claims())), jwts.SUBJECT)}[proof]
    entrepot = start(admin={**ADDRESS, "auth": auth})
    assert statuses(asking(entrepot)) == all_but("read", "change", refused=401)
    assert statuses(asking(entrepot, headers)) == ALL
    entrepot.log.wait_for(rf"info .*cache: pinned a/\*, at the request of user {user}, 127\.0\.0\.1$")
    for right in REQUESTS:
        entrepot.config["admin"] = {**ADDRESS, "auth": auth, right: ["user:nobody"]}
        reload(entrepot, "new access rules on the admin listener")
        entrepot.log.wait_for(r"SIGHUP: the new configuration is in force")
        lacking = {"read", "change"} if right == "read" else {right}
        assert statuses(asking(entrepot, headers)) == all_but(*lacking, refused=403), right
        entrepot.config["admin"][right] = [f"user:{user}"]
        reload(entrepot)
        eventually(lambda: statuses(asking(entrepot, headers)) == ALL, what="the right")
        lacking = {"read", "change", right}
        assert statuses(asking(entrepot)) == all_but(*lacking, refused=401), right


def test_a_certificate(start, authority, server, fleet, operator):
    entrepot = start(admin={**https.listening(server, client_ca=str(fleet.certificate),
                                              client_certificate="optional"),
                            "change": ["cert:CN=operator"]})
    other = fleet.leaf("other", hosts=["DNS:other.example"], key_type="ec", usage="clientAuth")
    for own, expected in ((None, all_but("read", "change", refused=403)),
                          (other, all_but("change", refused=403)), (operator, ALL)):
        context = https.trusting(authority.certificate, own=own)
        assert statuses(asking_tls(entrepot, context)) == expected
    entrepot.log.wait_for(r"cache: pinned a/\*, at the request of certificate CN=operator, 127\.0\.0\.1$")


def test_a_certificate_that_is_required(start, authority, server, fleet, operator):
    entrepot = start(admin=https.listening(server, client_ca=str(fleet.certificate)))
    with pytest.raises((ssl.SSLError, ConnectionError, AssertionError)):
        https.get(entrepot.admin_port, "/healthz", https.trusting(authority.certificate))
    context = https.trusting(authority.certificate, own=operator)
    assert statuses(asking_tls(entrepot, context)) == ALL


def test_a_user_id(start, directory):
    path = directory / "admin.sock"
    entrepot = start(admin={"address": f"unix:{path}", "change": [f"uid:{os.getuid() + 1}"]})
    def ask(method, target):
        return unix_client.request(path, method, target)
    assert statuses(ask) == all_but("change", refused=403)
    entrepot.config["admin"]["change"] = [f"uid:{os.getuid()}"]
    reload(entrepot)
    assert statuses(ask) == ALL


def test_an_address(start):
    entrepot = start(admin={**ADDRESS, "change": ["net:127.0.0.2"]})
    assert statuses(asking(entrepot)) == all_but("change", refused=403)
    assert statuses(asking(entrepot, source="127.0.0.2")) == ALL


def test_networks_come_before_everything(start):
    entrepot = start(admin={**ADDRESS, "networks": ["127.0.0.2"]})
    assert statuses(asking(entrepot, source="127.0.0.2")) == ALL
    assert statuses(asking(entrepot)) == dict.fromkeys(REQUESTS, 403)
    response = asking(entrepot)("GET", "/healthz")
    assert "admin.networks" in response.json()["error"]
    metrics = Samples(asking(entrepot, source="127.0.0.2")("GET", "/metrics").body.decode())
    assert metrics.sum("access_refused_total", reason="network") == 5


def test_groups(start, auth):
    entrepot = start(admin={**ADDRESS, "auth": auth, "change": ["group:operators"]},
                     groups={"operators": ["ops"]})
    assert statuses(asking(entrepot, basic("alice", "a"))) == all_but("change", refused=403)
    assert statuses(asking(entrepot, bearer(TOKEN))) == ALL
    assert not entrepot.log.search("groups: not used")


def test_an_empty_list_is_nobody(start):
    entrepot = start(admin={**ADDRESS, "change": []})
    assert statuses(asking(entrepot)) == all_but("change", refused=403)


# --- Refusals.


def test_a_wrong_password(start, auth):
    entrepot = start(admin={**ADDRESS, "auth": auth})
    for headers in (basic("alice", "b"), basic("nobody", "a"), bearer("entrepot_" + "x" * 43)):
        # Probes and scrapes do not depend on it.
        assert statuses(asking(entrepot, headers)) == all_but("read", "change", refused=401)
        response = asking(entrepot, headers)("GET", "/api/v1/cache")
        assert response.headers["WWW-Authenticate"].startswith("Basic ")
        assert response.json()["error"] == "wrong user, password or token"
    metrics = entrepot.metrics()
    assert metrics.sum("access_refused_total", reason="login") == 9
    assert metrics.sum("logins_total", result="unknown-token") == 3
    entrepot.log.wait_for(r"client 127\.0\.0\.1 sends credentials that are not accepted")


def test_no_challenge(start, auth):
    entrepot = start(admin={**ADDRESS, "auth": {**auth, "challenge": "never"}})
    response = asking(entrepot)("GET", "/api/v1/cache")
    assert response.status == 403 and "WWW-Authenticate" not in response.headers


def test_a_refusal_names_the_right_and_is_counted_and_logged(start, auth):
    entrepot = start(admin={**ADDRESS, "auth": auth, "change": ["user:ops"]})
    response = asking(entrepot, basic("alice", "a"))(*REQUESTS["change"])
    assert response.status == 403 and "WWW-Authenticate" not in response.headers
    assert "admin.change" in response.json()["error"]
    assert entrepot.metrics().sum("access_refused_total", reason="right") == 1
    entrepot.log.wait_for(r"the admin listener refuses /api/v1/cache/pins to client 127\.0\.0\.1 with 403: "
                          r".*admin\.change")


@pytest.mark.parametrize("headers, status", [((), 401), (basic("bob", "b"), 403)])
def test_a_refusal_does_not_tell_what_exists(start, upstream, auth, headers, status):
    entrepot = start(admin={**ADDRESS, "auth": auth, "read": ["user:alice"]})
    blob = upstream.add_blob(REPOSITORY, content.blob(10_000))
    assert_whole(entrepot.get(blob_target(blob)), blob)
    settled(entrepot)
    ask = asking(entrepot, headers)
    for method, targets in {
            "GET": ["/", "/absent", "/api/v1/cache", "/api/v1/absent", "/api/v1/upstreams"],
            "DELETE": [f"/api/v1/cache/objects/{blob.digest}", "/api/v1/cache/objects/sha256:00",
                       f"/api/v1/cache/repositories/docker.io/{REPOSITORY}", "/absent"],
            "POST": ["/api/v1/cache/verify", "/api/v1/cache"]}.items():
        answers = [ask(method, target) for target in targets]
        assert {answer.status for answer in answers} == {status}
        assert len({answer.body for answer in answers}) == 1
    assert entrepot.metrics().sum("cache_objects", kind="blob") == 1


def test_a_browser_with_a_login_changes_nothing(start, auth):
    entrepot = start(admin={**ADDRESS, "auth": auth})
    for field in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"},
                  {"Sec-Fetch-Site": "same-origin"}):
        ask = asking(entrepot, {**basic("alice", "a"), **field})
        assert statuses(ask) == all_but("change", refused=403)


def test_a_probe_does_not_wait_for_passwords(start, auth, tmp_path):
    """The hash of a wrong password takes long, and a probe with the same one does not wait for it."""
    users = logins.write_users(tmp_path / "slow", {"alice": "a"}, "$2y$12$abcdefghijklmnopqrstuu")
    entrepot = start(admin={**ADDRESS, "auth": {"htpasswd": str(users)}})
    waiting = [client.Connection(entrepot.admin_port) for _ in range(4)]
    for number, connection in enumerate(waiting):
        connection.send_request("GET", "/api/v1/cache", basic("alice", f"wrong{number}"))
    assert asking(entrepot, basic("alice", "wrong"))("GET", "/healthz").status == 200
    assert {connection.read_response().status for connection in waiting} == {401}
    for connection in waiting:
        connection.close()


# --- TLS.


def test_tls(start, authority, server):
    entrepot = start(admin=https.listening(server))
    entrepot.log.wait_for(r"admin on https://127\.0\.0\.1:\d+")
    entrepot.log.wait_for(r"https://127\.0\.0\.1:\d+: certificate .*admin\.example")
    context = https.trusting(authority.certificate)
    assert statuses(asking_tls(entrepot, context)) == ALL
    metrics = Samples(asking_tls(entrepot, context)("GET", "/metrics").body.decode())
    assert metrics.sum("tls_certificate_end_seconds") > 0
    # A name of the certificate needs no entry in admin.hosts.
    for host, status in (("admin.example", 200), ("evil.example", 421)):
        with https.Connection(entrepot.admin_port, context=context) as connection:
            connection.send(f"GET /metrics HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
            assert connection.read_response().status == status, host
    assert entrepot.admin("/healthz").status == 400


def test_a_renewed_certificate(start, authority, server, tmp_path):
    files = [tmp_path / "tls.crt", tmp_path / "tls.key"]
    for file, source in zip(files, server):
        file.write_bytes(source.read_bytes())
    entrepot = start(admin=https.listening(tuple(files)))
    context = https.trusting(authority.certificate)
    renewed = authority.leaf("renewed", hosts=["IP:127.0.0.1", "DNS:localhost"], key_type="ec")
    for file, source in zip(files, renewed):
        file.write_bytes(source.read_bytes())
    entrepot.log.wait_for("files have changed: .*new certificates on the admin listener")
    def shown() -> str:
        with https.Connection(entrepot.admin_port, context=context) as connection:
            return connection.certificate
    # The loop uses it from its next turn on.
    eventually(lambda: shown() == https.fingerprint(renewed[0]), what="the renewed certificate")
    assert asking_tls(entrepot, context)("GET", "/healthz").status == 200


# --- Changes.


def test_a_revoked_token(start, auth, tmp_path):
    entrepot = start(admin={**ADDRESS, "auth": auth})
    with client.Connection(entrepot.admin_port) as connection:
        connection.send_request("GET", "/api/v1/cache", bearer(TOKEN))
        assert connection.read_response().status == 200
        logins.write_tokens(tmp_path / "tokens.json", {"other": "entrepot_" + "o" * 43})
        entrepot.log.wait_for("files have changed: new access rules on the admin listener")
        connection.send_request("GET", "/api/v1/cache", bearer(TOKEN))
        assert connection.read_response().status == 401


def test_a_bad_file_changes_nothing(start, auth, tmp_path):
    entrepot = start(admin={**ADDRESS, "auth": auth})
    (tmp_path / "users").write_text("alice:plain\n")
    entrepot.log.wait_for("files have changed: .*users.*; those before stay in force")
    assert statuses(asking(entrepot, basic("alice", "a"))) == ALL


def test_a_bad_right_refuses_the_whole_reload(start, auth):
    entrepot = start(admin={**ADDRESS, "auth": auth})
    entrepot.config["admin"]["change"] = ["users:ops"]
    entrepot.config["access"] = [{"who": ["login"], "repositories": ["*"]}]
    reload(entrepot, "SIGHUP: the configuration is invalid")
    entrepot.log.wait_for(r"admin\.change\[0\]: \"users:ops\" is no client")
    assert statuses(asking(entrepot, bearer(TOKEN))) == ALL
    assert entrepot.get("/v2/").status == 200


def test_hosts_change_with_a_signal(start):
    entrepot = start()
    def ask():
        with client.Connection(entrepot.admin_port) as connection:
            connection.send(b"GET /metrics HTTP/1.1\r\nHost: new.example\r\n\r\n")
            return connection.read_response().status
    assert ask() == 421
    entrepot.config["admin"]["hosts"] = ["new.example"]
    reload(entrepot)
    assert ask() == 200


def test_tls_needs_a_restart_and_brings_the_logins_with_it(start, server, auth):
    """A login must not be asked for before the TLS that was configured with it."""
    entrepot = start()
    entrepot.config["admin"] = {**https.listening(server), "auth": auth}
    reload(entrepot, r"takes effect at the next start: admin\.(address|mode|tls)")
    assert statuses(asking(entrepot)) == ALL


def test_another_process_keeps_the_doors(start, auth):
    entrepot = start(admin={**ADDRESS, "auth": auth})
    before = entrepot.replace()
    assert statuses(asking(entrepot)) == all_but("read", "change", refused=401)
    assert statuses(asking(entrepot, bearer(TOKEN))) == ALL
    before.wait_exit()


# --- entrepot check.


@pytest.mark.parametrize("admin, words", [
    ({"change": ["login"]}, "admin.change[0]: no client has a login here; add admin.auth"),
    ({"read": ["anyone", "cert:CN=a"]},
     "admin.read[1]: no client has a certificate here; add admin.tls.client_ca"),
    ({"metrics": ["uid:0"]}, "admin.metrics[0]: only clients of a unix socket have a user id"),
    ({"address": "unix:/run/x", "probes": ["net:10.0.0.0/8"]},
     "admin.probes[0]: clients of a unix socket have no address"),
    ({"probes": ["anybody"]}, "admin.probes[0]: \"anybody\" is no client"),
    ({"change": "login"}, "admin.change: expected a list"),
    ({"networks": ["10.0.0.1/8"]}, "admin.networks[0]: "),
    ({"auth": {}}, "admin.auth: needs htpasswd or tokens"),
    ({"auth": {"htpasswd": "absent"}}, "admin.auth.htpasswd: "),
    ({"tls": {"certificates": []}}, "admin.tls.certificates: missing"),
    ({"tls": {"certificates": [{"certificate": "absent", "key": "absent"}]}},
     "admin.tls.certificates[0].certificate: "),
    ({"address": "unix:/run/x", "networks": ["10.0.0.0/8"]}, "admin.networks: the clients of a unix"),
    ({"trusted_proxies": {}}, "admin.trusted_proxies: unknown key"),
])
def test_check_finds(tmp_path, admin, words):
    file = tmp_path / "entrepot.json"
    file.write_text(json.dumps({"admin": {"address": "127.0.0.1:5080", **admin},
                                "cache": {"directory": str(tmp_path / "cache")}}))
    done = run("check", "--config", str(file))
    assert done.returncode == EXIT_CONFIG and words in done.stderr, done.stderr


def test_check_warns_of_passwords_in_clear_text(tmp_path, auth):
    file = tmp_path / "entrepot.json"
    file.write_text(json.dumps({"admin": {"address": "0.0.0.0:5080", "auth": auth},
                                "cache": {"directory": str(tmp_path / "cache")}}))
    done = run("check", "--config", str(file))
    assert done.returncode == 0 and "admin.auth: passwords and tokens go over the wire" in done.stderr


# --- The commands.


def secret(tmp_path, name: str, text: str) -> str:
    file = tmp_path / name
    file.write_text(text + "\n")
    file.chmod(0o600)
    return str(file)


@pytest.fixture
def command(tmp_path):
    """`entrepot cache WORDS` for a running process, which chose its admin port itself."""
    def run_it(entrepot, *words, **changes):
        admin = {**entrepot.config["admin"], "address": f"127.0.0.1:{entrepot.admin_port}", **changes}
        file = tmp_path / "command.json"
        file.write_text(json.dumps({**entrepot.config, "admin": admin}))
        return run("cache", *words, "--config", str(file))
    return run_it


def test_the_cache_commands_log_in(start, auth, tmp_path, command):
    entrepot = start(admin={**ADDRESS, "auth": auth, "change": ["user:ops"]})
    token = ("--token-file", secret(tmp_path, "token", TOKEN))
    password = ("--user", "alice", "--password-file", secret(tmp_path, "password", "a"))
    for login in (token, (*token, "--user", "ops"), password):
        done = command(entrepot, "stats", "--json", *login)
        assert done.returncode == 0 and json.loads(done.stdout)["blobs"] == 0, done.stderr
    assert command(entrepot, "pin", "a/*", *token).returncode == 0
    assert command(entrepot, "verify", *token).returncode == 0
    done = command(entrepot, "pin", "b/*", *password)
    assert done.returncode == EXIT_FOUND and "admin.change" in done.stderr, done.stderr


def test_a_command_without_a_login_says_what_to_do(start, auth, tmp_path, command):
    entrepot = start(admin={**ADDRESS, "auth": auth})
    done = command(entrepot, "stats")
    assert done.returncode == EXIT_FOUND
    assert "admin.read; log in; give --token-file FILE, or --user NAME" in done.stderr
    done = command(entrepot, "stats", "--token-file", secret(tmp_path, "wrong", TOKEN[:-1] + "x"))
    assert done.returncode == EXIT_FOUND
    assert "wrong user, password or token; correct the file" in done.stderr
    done = command(entrepot, "stats", "--user", "alice")
    assert done.returncode == EXIT_CONFIG
    assert "--user needs --password-file FILE or --token-file FILE" in done.stderr
    done = command(entrepot, "stats", "--token-file", str(tmp_path / "absent"))
    assert done.returncode == EXIT_CONFIG and "absent does not exist" in done.stderr


def test_the_cache_commands_trust_the_configured_certificate(start, authority, tmp_path, command):
    """It needs no name of this machine; another certificate is not trusted."""
    leaf = authority.leaf("remote", hosts=["DNS:mirror.example"], key_type="ec")
    entrepot = start(admin=https.listening(leaf))
    assert command(entrepot, "stats").returncode == 0
    other = authority.leaf("unrelated", hosts=["IP:127.0.0.1"], key_type="ec")
    done = command(entrepot, "stats", tls=https.listening(other)["tls"])
    assert done.returncode == EXIT_CONFIG
    assert "shows a certificate that is not trusted" in done.stderr
    assert "none of admin.tls.certificates of this configuration" in done.stderr


def test_the_cache_commands_with_an_authority(start, authority, server, fleet, command):
    entrepot = start(admin=https.listening(server))
    assert command(entrepot, "stats", "--ca", str(authority.certificate)).returncode == 0
    done = command(entrepot, "stats", "--ca", str(fleet.certificate))
    assert done.returncode == EXIT_CONFIG
    assert "is not trusted" in done.stderr and "give --ca FILE" in done.stderr


def test_the_commands_show_a_certificate(start, authority, server, fleet, operator, command):
    entrepot = start(admin=https.listening(server, client_ca=str(fleet.certificate)))
    own = ("--client-cert", str(operator[0]), "--client-key", str(operator[1]))
    assert command(entrepot, "stats", *own).returncode == 0
    done = command(entrepot, "stats")
    assert done.returncode == EXIT_CONFIG
    assert "demands a client certificate" in done.stderr, done.stderr
    address = f"https://localhost:{entrepot.admin_port}"
    done = run("health", "--address", address, "--ca", str(authority.certificate), *own)
    assert done.returncode == 0 and done.stdout == "ok\n", done.stderr


def test_health(start, authority, server, fleet, tmp_path, auth):
    entrepot = start(admin={**https.listening(server), "auth": auth, "probes": ["login"]})
    address = ("--address", f"https://127.0.0.1:{entrepot.admin_port}")
    trusted = (*address, "--ca", str(authority.certificate))
    token = ("--token-file", secret(tmp_path, "token", TOKEN))
    done = run("health", *trusted, *token)
    assert done.returncode == 0 and done.stdout == "ok\n", done.stderr
    done = run("health", *trusted)
    assert done.returncode == EXIT_FOUND and "answers 401: this needs the right admin.probes" in done.stderr
    for options in (address, (*address, "--ca", str(fleet.certificate))):
        done = run("health", *options)
        assert done.returncode == EXIT_FOUND and "is not trusted" in done.stderr, done.stderr
    done = run("health", "--address", f"127.0.0.1:{entrepot.admin_port}")
    assert done.returncode == EXIT_FOUND and done.stderr == (
        "entrepot: the admin listener answers 400: this port speaks HTTPS; ask "
        f"https://127.0.0.1:{entrepot.admin_port}, with --ca FILE for a private authority\n")
    done = run("health", "--address", f"127.0.0.1:{entrepot.admin_port}", "--ca",
               str(authority.certificate))
    assert done.returncode == EXIT_FOUND and "are for HTTPS" in done.stderr, done.stderr


@pytest.mark.parametrize("login", ["--token-file", "--password-file"])
@pytest.mark.parametrize("scheme", ["", "http://"])
def test_a_login_stays_here_without_https(tmp_path, scheme, login):
    """192.0.2.0/24 (RFC 5737): nobody is asked."""
    user = ("--user", "alice") if login == "--password-file" else ()
    done = run("health", "--address", f"{scheme}192.0.2.1:5080", *user, login,
               secret(tmp_path, "login", TOKEN))
    assert done.returncode == EXIT_FOUND and done.stderr.startswith(
        "entrepot: a login is sent over HTTPS, to a unix socket or to this machine only"), done.stderr
    assert TOKEN not in done.stderr


def test_an_expired_certificate_is_to_be_renewed(start, authority, command):
    files = authority.leaf("expired", key_type="ec", expired=True)
    entrepot = start(admin=https.listening(files))
    done = command(entrepot, "stats")
    assert done.returncode == EXIT_CONFIG and "expired); renew it" in done.stderr, done.stderr


def test_guesses_of_clients_keep_no_operator_out(start, tmp_path):
    """The hashes of the guesses take seconds each, and the operator does not wait for them."""
    clients = logins.write_users(tmp_path / "clients", {"carol": "c"}, "$2b$14$" + "c" * 22)
    operators = logins.write_users(tmp_path / "operators", PASSWORDS)
    entrepot = start(listen=[{**ADDRESS, "auth": {"htpasswd": str(clients)}}],
                     admin={**ADDRESS, "auth": {"htpasswd": str(operators)}})
    guesses = [entrepot.connect() for _ in range(12)]
    for number, guess in enumerate(guesses):
        guess.send_request("GET", "/v2/", basic("carol", f"guess {number}"))
    assert asking(entrepot, basic("alice", "a"))("GET", "/api/v1/cache").status == 200
    assert entrepot.metrics().sum("logins_total", result="wrong-password") < len(guesses)
    for guess in guesses:
        guess.close()


def test_the_commands_on_a_unix_socket(start, directory, command):
    path = directory / "admin.sock"
    entrepot = start(admin={"address": f"unix:{path}", "read": [f"uid:{os.getuid()}"], "change": []})
    assert command(entrepot, "stats", address=f"unix:{path}").returncode == 0
    done = command(entrepot, "pin", "a/*", address=f"unix:{path}")
    assert done.returncode == EXIT_FOUND and "admin.change" in done.stderr
