# SPDX-License-Identifier: Apache-2.0
"""Certificates and keys of listeners: what `entrepot check` says about bad ones, and how SIGHUP
brings others into use."""

from __future__ import annotations

import json
import shutil
import ssl
import subprocess

import pytest

from support import content, faults, https
from support.checks import REPOSITORY, assert_whole, blob_target
from support.entrepot import EXIT_CONFIG, run
from support.gate import Gate, eventually
from support.reload import reload

MIB = content.MIB


@pytest.fixture(scope="module")
def leaf(authority):
    return authority.leaf("good", key_type="ec")


@pytest.fixture
def context(authority):
    return https.trusting(authority.certificate)


@pytest.fixture
def check(tmp_path):
    """`entrepot check` of a listener with this value of `tls`."""
    def run_check(tls):
        file = tmp_path / "entrepot.json"
        file.write_text(json.dumps({"listen": [{"address": "127.0.0.1:5443", "tls": tls}],
                                    "cache": {"directory": str(tmp_path / "cache")}}))
        return run("check", "--config", str(file))
    return run_check


def files(pair) -> dict:
    return {"certificate": str(pair[0]), "key": str(pair[1])}


def refused(done, *words: str) -> None:
    assert done.returncode == EXIT_CONFIG, done
    for word in words:
        assert word in done.stderr, done.stderr


# --- entrepot check ---------------------------------------------------------------------------


def test_a_good_certificate(check, leaf):
    done = check({"certificates": [files(leaf)]})
    assert done.returncode == 0 and done.stderr == "", done.stderr


def test_names_are_relative_to_the_configuration(check, leaf, tmp_path):
    shutil.copy(leaf[0], tmp_path / "a.crt")
    shutil.copy(leaf[1], tmp_path / "a.key")
    assert check({"certificates": [{"certificate": "a.crt", "key": "a.key"}]}).returncode == 0


@pytest.mark.parametrize("tls, words", [
    ({}, ["listen[0].tls.certificates: missing"]),
    ({"certificates": []}, ["listen[0].tls.certificates: missing"]),
    ({"certificates": {}}, ["listen[0].tls.certificates: expected a list"]),
    ({"certificates": [{}]}, ["listen[0].tls.certificates[0].certificate: missing",
                              "listen[0].tls.certificates[0].key: missing"]),
    ({"certificates": [{"certificate": "a", "key": "b", "password": "c"}]},
     ["listen[0].tls.certificates[0].password: unknown key; known here: certificate, key"]),
    ({"ciphers": "ALL", "certificates": []}, ["listen[0].tls.ciphers: unknown key"]),
    (True, ["listen[0].tls: expected an object"]),
    ({"certificates": [{"certificate": "/nowhere/a.crt", "key": "/nowhere/a.key"}]},
     ["listen[0].tls.certificates[0].certificate: cannot read /nowhere/a.crt: No such file",
      "listen[0].tls.certificates[0].key: cannot read /nowhere/a.key: No such file"]),
    ({"certificates": [{"certificate": "/", "key": "/dev/null"}]},
     ["certificate: / is not a file", "key: /dev/null is not a file"]),
])
def test_bad_objects(check, tls, words):
    refused(check(tls), *words)


def test_files_of_other_kinds(check, leaf, tmp_path):
    text = tmp_path / "text"
    text.write_text("no PEM here\n")
    refused(check({"certificates": [files((text, text))]}),
            "certificate: " + f"{text} holds no certificate in PEM form",
            "key: " + f"{text} holds no private key in PEM form")
    refused(check({"certificates": [files((leaf[1], leaf[0]))]}),
            "holds no certificate in PEM form; it holds a private key", "holds no private key in PEM form")
    broken = tmp_path / "broken"
    broken.write_text(leaf[0].read_text().replace("\nMII", "\nMMM", 1))
    refused(check({"certificates": [files((broken, leaf[1]))]}),
            f"certificate 1 in {broken} cannot be parsed")
    large = tmp_path / "large"
    large.write_bytes(b"#" * (MIB + 1))
    refused(check({"certificates": [files((large, leaf[1]))]}), f"{large} is larger than 1 MiB")


def test_the_key_of_another_certificate(check, authority, leaf):
    other = authority.leaf("other", key_type="ec")
    refused(check({"certificates": [files((leaf[0], other[1]))]}),
            f"listen[0].tls.certificates[0].key: {other[1]} is the key of another certificate than "
            f"{leaf[0]}")


def test_an_encrypted_key(check, leaf, tmp_path):
    secret = tmp_path / "secret.key"
    subprocess.run(["openssl", "pkey", "-in", str(leaf[1]), "-aes256", "-passout", "pass:x",
                    "-out", str(secret)], check=True)
    refused(check({"certificates": [files((leaf[0], secret))]}), f"key: {secret} is encrypted",
            "openssl pkey -in")


def test_a_chain_in_the_wrong_order(check, authority, leaf, tmp_path):
    chain = tmp_path / "chain.pem"
    chain.write_text(leaf[0].read_text() + authority.certificate.read_text())
    assert check({"certificates": [files((chain, leaf[1]))]}).returncode == 0
    chain.write_text(authority.certificate.read_text() + leaf[0].read_text())
    refused(check({"certificates": [files((chain, leaf[1]))]}),
            f"the certificate of the key is number 2 in {chain}; it must be the first")
    other = authority.leaf("issuer", key_type="ec")
    chain.write_text(leaf[0].read_text() + other[0].read_text())
    refused(check({"certificates": [files((chain, leaf[1]))]}),
            f"certificate 2 in {chain} has not issued certificate 1")


def test_a_weak_key(check, authority):
    refused(check({"certificates": [files(authority.leaf("weak", key_type="rsa:1024"))]}),
            "is an RSA key of 1024 bits; at least 2048 are needed")


def test_a_weak_signature(check, authority):
    refused(check({"certificates": [files(authority.leaf("sha1", digest="sha1"))]}),
            "certificates[0].certificate: OpenSSL does not accept", "md too weak")


def test_two_certificates_for_one_name(check, authority, leaf):
    other = authority.leaf("twice", key_type="ec", hosts=["DNS:x.example", "DNS:LOCALHOST"])
    refused(check({"certificates": [files(leaf), files(other)]}),
            "listen[0].tls.certificates[1].certificate: ",
            "are both ECDSA certificates for localhost; keep one of them")


def test_warnings(check, authority, leaf, tmp_path):
    done = check({"certificates": [files(authority.leaf("old", expired=True))]})
    assert done.returncode == 0 and "has expired on 20" in done.stderr
    key = tmp_path / "open.key"
    shutil.copy(leaf[1], key)
    key.chmod(0o644)
    done = check({"certificates": [files((leaf[0], key))]})
    assert done.returncode == 0
    assert f"{key} can be read by every user; chmod it to 0400 or 0600" in done.stderr


def test_a_start_with_a_bad_certificate_ends(tmp_path, leaf):
    file = tmp_path / "entrepot.json"
    listener = https.listening((leaf[0], tmp_path / "absent.key"))
    file.write_text(json.dumps({"listen": [listener], "cache": {"directory": str(tmp_path / "c")}}))
    done = run("serve", "--config", str(file))
    assert done.returncode == EXIT_CONFIG
    assert "listen[0].tls.certificates[0].key: cannot read" in done.stderr


# --- SIGHUP -----------------------------------------------------------------------------------


@pytest.fixture
def own(tmp_path):
    """Puts a certificate and its key in the place from which the process reads them."""
    place = (tmp_path / "tls.crt", tmp_path / "tls.key")

    def put(pair):
        for source, target in zip(pair, place):
            shutil.copy(source, target)
        place[1].chmod(0o600)
        return place
    return put


@pytest.fixture
def entrepot(start, upstream, own, leaf):
    return start(listen=[https.listening(own(leaf))])


def used(entrepot, context) -> str:
    with https.Connection(entrepot.port, context=context) as connection:
        return connection.certificate


def end_of(entrepot) -> float:
    return entrepot.metrics().sum("tls_certificate_end_seconds")


def test_a_new_certificate_and_connections_go_on(entrepot, upstream, own, authority, context):
    blob = upstream.add_blob(REPOSITORY, content.blob(4 * MIB))
    gate = Gate()
    upstream.script(faults.hold_at(2 * MIB, gate), kind="blob", method="GET")
    before = used(entrepot, context)
    with https.Connection(entrepot.port, context=context) as kept, \
            https.Connection(entrepot.port, context=context) as downloading:
        downloading.send_request("GET", blob_target(blob))
        gate.wait_arrived()
        other = authority.leaf("next", key_type="ec")
        own(other)
        reload(entrepot, r"new certificates on https://127\.0\.0\.1:\d+")
        eventually(lambda: used(entrepot, context) == https.fingerprint(other[0]),
                   what="the new certificate")
        assert kept.certificate == before
        kept.send_request("GET", "/v2/")
        assert kept.read_response().status == 200
        gate.open()
        assert_whole(downloading.read_response(), blob)


def test_a_bad_certificate_is_refused_and_the_one_before_stays(entrepot, own, authority, leaf,
                                                               context):
    other = authority.leaf("mixed", key_type="ec")
    own((other[0], leaf[1]))
    end = end_of(entrepot)
    reload(entrepot, r"error .*SIGHUP: the configuration is invalid; the previous one stays in force")
    assert entrepot.log.search(r"error .*certificates\[0\]\.key: .* is the key of another")
    assert used(entrepot, context) == https.fingerprint(leaf[0])
    assert end_of(entrepot) == end
    own(other)
    reload(entrepot, "new certificates on")
    eventually(lambda: used(entrepot, context) == https.fingerprint(other[0]), what="the new one")


def test_other_files_in_the_configuration(entrepot, authority, context):
    other = authority.leaf("elsewhere")
    entrepot.config["listen"] = [https.listening(other)]
    reload(entrepot, "new certificates on")
    eventually(lambda: used(entrepot, context) == https.fingerprint(other[0]), what="the other one")
    series = entrepot.metrics().named("tls_certificate_end_seconds")
    assert [labels["certificate"] for labels, _ in series] == [str(other[0])]


def test_changed_files_are_read_without_a_signal(entrepot, own, authority, leaf, context):
    other = authority.leaf("watched", key_type="ec")
    place = own(other)
    entrepot.log.wait_for(r"files have changed: new certificates on https://127\.0\.0\.1:\d+")
    eventually(lambda: used(entrepot, context) == https.fingerprint(other[0]), what="the new one")
    place[0].write_text("no certificate\n")
    entrepot.log.wait_for(r"error .*files have changed: .*holds no certificate in PEM form; "
                          r"those before stay in force")
    assert used(entrepot, context) == https.fingerprint(other[0])
    own(leaf)
    eventually(lambda: used(entrepot, context) == https.fingerprint(leaf[0]), what="the first one")


def test_a_volume_of_kubernetes(start, upstream, tmp_path, authority, leaf, context):
    """Its files are links into a folder, and the link to the folder is replaced."""
    volume, other = tmp_path / "volume", authority.leaf("rotated", key_type="ec")
    for name, pair in (("..1", leaf), ("..2", other)):
        (volume / name).mkdir(parents=True)
        shutil.copy(pair[0], volume / name / "tls.crt")
        shutil.copy(pair[1], volume / name / "tls.key")
    (volume / "..data").symlink_to("..1")
    for name in ("tls.crt", "tls.key"):
        (volume / name).symlink_to(f"..data/{name}")
    entrepot = start(listen=[https.listening((volume / "tls.crt", volume / "tls.key"))])
    assert used(entrepot, context) == https.fingerprint(leaf[0])
    (volume / "..data_tmp").symlink_to("..2")
    (volume / "..data_tmp").rename(volume / "..data")
    eventually(lambda: used(entrepot, context) == https.fingerprint(other[0]), what="the next one")


def test_the_same_certificate_is_no_change(entrepot):
    reload(entrepot, "SIGHUP: nothing has changed")


def test_sessions_outlive_a_reload(entrepot, own, authority, context):
    with https.Connection(entrepot.port, context=context) as connection:
        connection.send_request("GET", "/v2/")
        assert connection.read_response().status == 200
        session = connection.socket.session
    own(authority.leaf("renewed", key_type="ec"))
    reload(entrepot, "new certificates on")
    with https.Connection(entrepot.port, context=context, session=session) as connection:
        assert connection.socket.session_reused


def test_the_end_of_a_certificate_is_a_metric(entrepot, leaf):
    text = subprocess.run(["openssl", "x509", "-in", str(leaf[0]), "-noout", "-enddate"],
                          capture_output=True, text=True, check=True).stdout
    assert end_of(entrepot) == ssl.cert_time_to_seconds(text.strip().partition("=")[2])
