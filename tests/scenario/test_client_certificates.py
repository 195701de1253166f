# SPDX-License-Identifier: Apache-2.0
"""Listeners that ask their clients for a certificate: which ones they accept, what a client without
one gets, and how the authorities change."""

from __future__ import annotations

import contextlib
import json
import re
import ssl

import pytest

from support import content, https
from support.checks import REPOSITORY, assert_whole, blob_target
from support.client import Closed
from support.entrepot import EXIT_CONFIG, run
from support.gate import eventually
from support.reload import reload

VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


@pytest.fixture(scope="module")
def fleet(tmp_path_factory):
    """The authority of the clients."""
    return https.Authority(tmp_path_factory.mktemp("fleet"))


@pytest.fixture(scope="module")
def server(authority):
    return authority.leaf("server", key_type="ec")


@pytest.fixture(scope="module")
def node(fleet):
    return fleet.leaf("node-1", hosts=["DNS:node-1.example"], key_type="ec", usage="clientAuth")


def client_of(authority, own=None, only=None):
    return https.trusting(authority.certificate, own=own, only=only)


@pytest.fixture
def strict(start, upstream, server, fleet):
    """A mirror whose listener demands a certificate of the fleet."""
    return start(listen=[https.listening(server, client_ca=str(fleet.certificate))])


def handshakes(entrepot, result: str) -> float:
    return entrepot.metrics().sum("tls_handshakes_total", result=result)


def is_served(entrepot, context) -> bool:
    try:
        return https.get(entrepot.port, "/v2/", context).status == 200
    except (ssl.SSLError, ConnectionError, Closed, AssertionError):
        return False


def assert_refused(entrepot, context) -> None:
    """With TLS 1.3 the client learns of the refusal after its own half of the handshake: by an alert, or by
    a reset if its request has arrived meanwhile."""
    before = handshakes(entrepot, "client-certificate")
    with pytest.raises((ssl.SSLError, ConnectionError, Closed, AssertionError)):
        https.get(entrepot.port, "/v2/", context)
    eventually(lambda: handshakes(entrepot, "client-certificate") > before, what="a refusal")


@pytest.mark.parametrize("version", VERSIONS)
def test_a_client_with_a_certificate_is_served(strict, upstream, authority, node, version):
    blob = upstream.add_blob(REPOSITORY, content.blob(100_000))
    context = client_of(authority, node, version)
    assert_whole(https.get(strict.port, blob_target(blob), context), blob)
    assert_whole(https.get(strict.port, blob_target(blob), context), blob)
    assert handshakes(strict, "ok") == 2 and handshakes(strict, "client-certificate") == 0


@pytest.mark.parametrize("version", VERSIONS)
def test_a_client_without_a_certificate_is_refused(strict, authority, version):
    assert_refused(strict, client_of(authority, only=version))
    strict.log.wait_for(r"access 127\.0\.0\.1:\d+ .* 0 refused no client certificate")


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("leaf, reason", [
    ({"expired": True}, "has expired"),
    ({"usage": "serverAuth"}, "is not for clients"),
])
def test_a_bad_certificate_is_refused(strict, authority, fleet, leaf, reason, version):
    assert_refused(strict, client_of(authority, fleet.leaf("bad", **leaf), version))
    strict.log.wait_for(rf"access 127\.0\.0\.1:\d+ .* 0 refused client certificate.* {reason}")


@pytest.mark.parametrize("version", VERSIONS)
def test_a_certificate_of_another_authority_is_refused(strict, authority, version):
    stranger = authority.leaf("node-1", usage="clientAuth")
    assert_refused(strict, client_of(authority, stranger, version))
    strict.log.wait_for(r"access .* 0 refused client certificate of no authority in client_ca")


def test_refusals_are_no_warnings_and_leave_nothing(strict, authority):
    for _ in range(20):
        assert_refused(strict, client_of(authority))
    eventually(lambda: strict.metrics().sum("connections") == 0, what="no connection left")
    assert not [line for line in strict.log.lines if re.search(r" (warn|error) ", line)]


def test_an_optional_certificate(start, upstream, authority, server, fleet, node):
    blob = upstream.add_blob(REPOSITORY, content.blob(1000))
    entrepot = start(listen=[https.listening(server, client_ca=str(fleet.certificate),
                                             client_certificate="optional")],
                     access=[{"who": ["cert:CN=node-*"], "repositories": ["*"]}])
    assert_whole(https.get(entrepot.port, blob_target(blob), client_of(authority, node)), blob)
    response = https.get(entrepot.port, blob_target(blob), client_of(authority))
    assert response.status == 403
    assert_refused(entrepot, client_of(authority, authority.leaf("node-2", usage="clientAuth")))


def test_a_client_without_a_certificate_learns_that_it_needs_one(start, authority, server, fleet):
    entrepot = start(listen=[https.listening(server, client_ca=str(fleet.certificate),
                                             client_certificate="optional")])
    response = https.get(entrepot.port, "/v2/", client_of(authority))
    assert response.status == 403 and b"a client certificate is needed here" in response.body


@pytest.mark.parametrize("term, allowed", [
    ("cert:CN=node-1", True),
    ("cert:CN=node-?", True),
    ("cert:DNS=*.example", True),
    ("cert:URI=spiffe://example/node/*", True),
    ("cert:O=builders", True),
    ("cert:OU=lab", True),
    ("cert:CN=node-2", False),
    ("cert:O=build", False),
    ("anonymous", False),
    ("login", False),
])
def test_the_names_of_a_certificate_in_rules(start, upstream, authority, server, fleet, term,
                                             allowed):
    blob = upstream.add_blob(REPOSITORY, content.blob(1000))
    own = fleet.leaf("rules", hosts=["DNS:Node-1.Example", "URI:spiffe://example/node/1"],
                     subject="/O=builders/OU=lab/CN=node-1", key_type="ec")
    entrepot = start(listen=[https.listening(server, client_ca=str(fleet.certificate))],
                     access=[{"who": [term], "repositories": ["docker.io/*"]}])
    response = https.get(entrepot.port, blob_target(blob), client_of(authority, own))
    assert response.status == (200 if allowed else 403), response


def test_a_certificate_without_a_name_is_no_anonymous_client(start, upstream, authority, server,
                                                             fleet):
    blob = upstream.add_blob(REPOSITORY, content.blob(1000))
    own = fleet.leaf("nameless", hosts=["IP:192.0.2.1"], subject="/C=CN", key_type="ec")
    entrepot = start(listen=[https.listening(server, client_ca=str(fleet.certificate))],
                     access=[{"who": ["anonymous"], "repositories": ["*"], "allow": False},
                             {"who": ["cert:*"], "repositories": ["*"]}])
    assert_whole(https.get(entrepot.port, blob_target(blob), client_of(authority, own)), blob)


def test_a_session_is_resumed_under_the_same_authorities_only(strict, authority, server, node,
                                                              tmp_path_factory):
    context = client_of(authority, node, ssl.TLSVersion.TLSv1_2)

    def connect(session):
        with https.Connection(strict.port, context=context, session=session) as connection:
            connection.send_request("GET", "/v2/")
            assert connection.read_response().status == 200
            return connection.socket.session
    session = connect(None)
    connect(session)
    assert handshakes(strict, "resumed") == 1
    # The ticket says that a certificate was verified; other authorities have not done so.
    other = https.Authority(tmp_path_factory.mktemp("other"))
    strict.config["listen"][0]["tls"]["client_ca"] = str(other.certificate)
    reload(strict)
    with contextlib.suppress(ssl.SSLError, ConnectionError, Closed, AssertionError):
        connect(session)
    eventually(lambda: handshakes(strict, "client-certificate") == 1, what="a refusal")
    assert handshakes(strict, "resumed") == 1


def test_other_authorities_come_into_use_without_a_restart(strict, authority, node,
                                                           tmp_path_factory):
    other = https.Authority(tmp_path_factory.mktemp("next"))
    stranger = other.leaf("node-9", usage="clientAuth", key_type="ec")
    assert_refused(strict, client_of(authority, stranger))
    strict.config["listen"][0]["tls"]["client_ca"] = str(other.certificate)
    reload(strict, r"SIGHUP: the new configuration is in force; new certificates on https://")
    eventually(lambda: is_served(strict, client_of(authority, stranger)), what="the other authorities")
    eventually(lambda: not is_served(strict, client_of(authority, node)), what="them on each loop")


# --- entrepot check ---------------------------------------------------------------------------


@pytest.fixture
def check(tmp_path, server):
    def run_check(**tls):
        file = tmp_path / "entrepot.json"
        file.write_text(json.dumps({
            "listen": [https.listening(server, address="127.0.0.1:5443", **tls)],
            "cache": {"directory": str(tmp_path / "cache")}}))
        return run("check", "--config", str(file))
    return run_check


def test_a_file_that_is_missing_or_holds_no_certificate(check, tmp_path, server):
    done = check(client_ca=str(tmp_path / "absent.pem"))
    assert done.returncode == EXIT_CONFIG
    assert "listen[0].tls.client_ca: cannot read" in done.stderr
    done = check(client_ca=str(server[1]))
    assert done.returncode == EXIT_CONFIG
    assert "holds no certificate in PEM form; it holds a private key" in done.stderr


def test_a_demand_without_authorities(check, fleet):
    done = check(client_certificate="required")
    assert done.returncode == EXIT_CONFIG
    assert "listen[0].tls.client_certificate: needs client_ca" in done.stderr
    done = check(client_ca=str(fleet.certificate), client_certificate="sometimes")
    assert done.returncode == EXIT_CONFIG and "required, optional" in done.stderr


def test_a_certificate_that_is_no_authority_is_a_warning(check, node):
    done = check(client_ca=str(node[0]))
    assert done.returncode == 0 and "is no authority" in done.stderr
