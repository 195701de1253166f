# SPDX-License-Identifier: Apache-2.0
"""Certificates and logins of engines, as `entrepot client-config` writes them."""

from __future__ import annotations

import base64
import json
import tomllib
from pathlib import Path

import pytest
import yaml

from support.client_config import FILES, MIRROR, NAMES, command, root, tree, write
from support.entrepot import EXIT_CONFIG, EXIT_USAGE, run
from support.tls import Authority

__all__ = ["root"]  # a fixture

HOST = "mirror.example:5443"
URL = f"https://{HOST}"
PASSWORD = 'pass "w\\rd#: '
BASIC = base64.b64encode(f"alice:{PASSWORD}".encode()).decode()
CERTIFICATES = {
    "docker": f"etc/docker/certs.d/{HOST}",
    "containerd": f"etc/containerd/certs.d/{HOST}",
    "podman": f"etc/containers/certs.d/{HOST}",
    "crio": f"etc/containers/certs.d/{HOST}",
    "k3s": "etc/rancher/k3s/entrepot",
    "rke2": "etc/rancher/rke2/entrepot",
    "buildkit": "etc/buildkit/entrepot",
}
WITH_LOGIN = ["containerd", "podman", "crio", "k3s", "rke2"]
LOGIN_FILE = "root/.config/containers/auth.json"
AUTHORIZED = {**{name: FILES[name] for name in ("containerd", "k3s", "rke2")}, "podman": [LOGIN_FILE],
              "crio": [LOGIN_FILE]}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    directory = tmp_path_factory.mktemp("own")
    authority = Authority(directory / "ca")
    certificate, key = authority.leaf("node", usage="clientAuth")
    (directory / "password").write_text(PASSWORD + "\n")
    (directory / "token").write_text("entrepot_secret")
    return {"ca": authority.certificate, "cert": certificate, "key": key,
            "password": directory / "password", "token": directory / "token"}


@pytest.fixture
def certificates(files):
    return ["--ca", files["ca"], "--client-cert", files["cert"], "--client-key", files["key"]]


@pytest.fixture
def login(files):
    return ["--user", "alice", "--password-file", files["password"]]


def modes(root: Path) -> dict[str, int]:
    return {name: entry[3] & 0o7777 for name, entry in tree(root).items()}


@pytest.mark.parametrize("engine", CERTIFICATES)
def test_certificates_are_copied_and_removed(engine, root, files, certificates):
    write(engine, root, "--mirror", URL, *certificates)
    folder = root / CERTIFICATES[engine]
    assert (folder / "ca.crt").read_bytes() == files["ca"].read_bytes()
    assert (folder / "client.cert").read_bytes() == files["cert"].read_bytes()
    assert (folder / "client.key").read_bytes() == files["key"].read_bytes()
    secret = [name for name, mode in modes(root).items() if mode == 0o600]
    assert secret == [f"{CERTIFICATES[engine]}/client.key"]
    before = tree(root)
    said = write(engine, root, "--mirror", URL, *certificates).stdout
    assert said.count("nothing to do") == 3 + len(FILES[engine])
    assert tree(root) == before
    assert run("client-config", engine, "--undo", "--root", str(root)).returncode == 0
    assert list(root.iterdir()) == []


@pytest.mark.parametrize("engine", WITH_LOGIN)
def test_only_root_reads_a_login_and_undo_removes_it(engine, root, login):
    write(engine, root, "--mirror", URL)
    said = write(engine, root, "--mirror", URL, *login).stdout
    assert "plain text" in said or f"{root / LOGIN_FILE}: written" in said
    assert sorted(name for name, mode in modes(root).items() if mode == 0o600) == \
        sorted(AUTHORIZED[engine])
    assert write(engine, root, "--mirror", URL, *login).stdout.count("nothing to do") == len(tree(root))
    assert run("client-config", engine, "--undo", "--root", str(root)).returncode == 0
    assert list(root.iterdir()) == []


def test_containerd_has_a_header(root, files, certificates, login):
    write("containerd", root, "--mirror", URL, *certificates, *login)
    for name in NAMES:
        hosts = tomllib.loads((root / f"etc/containerd/certs.d/{name}/hosts.toml").read_text())["host"]
        folder = root / "etc/containerd/certs.d" / name
        assert list(hosts) == [URL]
        host = hosts[URL]
        assert (folder / host["ca"]).read_bytes() == files["ca"].read_bytes()
        [(certificate, key)] = host["client"]
        assert (folder / certificate).read_bytes() == files["cert"].read_bytes()
        assert (folder / key).read_bytes() == files["key"].read_bytes()
        assert host["header"] == {"Authorization": [f"Basic {BASIC}"]}
    write("containerd", root, "--mirror", URL, "--token-file", files["token"])
    assert '"Bearer entrepot_secret"' in (root / FILES["containerd"][0]).read_text()


@pytest.mark.parametrize("engine", ["k3s", "rke2"])
def test_k3s_has_a_configuration_of_the_mirror(engine, root, certificates, login):
    write(engine, root, "--mirror", URL, *certificates, *login)
    folder = f"/{CERTIFICATES[engine]}"
    assert yaml.safe_load((root / FILES[engine][0]).read_text())["configs"] == {HOST: {
        "auth": {"username": "alice", "password": PASSWORD},
        "tls": {"ca_file": f"{folder}/ca.crt", "cert_file": f"{folder}/client.cert",
                "key_file": f"{folder}/client.key"}}}


def test_buildkit_has_a_key_pair(root, certificates):
    write("buildkit", root, "--mirror", URL, *certificates)
    folder = f"/{CERTIFICATES['buildkit']}"
    assert tomllib.loads((root / FILES["buildkit"][0]).read_text())["registry"][HOST] == {
        "ca": [f"{folder}/ca.crt"],
        "keypair": [{"key": f"{folder}/client.key", "cert": f"{folder}/client.cert"}]}


def test_podman_keeps_other_logins(root, files, login):
    file = root / LOGIN_FILE
    file.parent.mkdir(parents=True)
    others = {"auths": {"quay.io": {"auth": "eDp5"}}, "credHelpers": {"a": "b"}}
    file.write_text(json.dumps(others))
    file.chmod(0o644)
    write("podman", root, "--mirror", URL, *login)
    logins = json.loads(file.read_text())
    assert logins["auths"].pop(HOST) == {"auth": BASIC} and logins == others
    assert file.stat().st_mode & 0o7777 == 0o600
    # A login that another hand has changed since is not ours.
    logins["auths"][HOST] = {"auth": "b3RoZXI="}
    file.write_text(json.dumps(logins))
    assert run("client-config", "podman", "--undo", "--root", str(root)).returncode == 0
    assert json.loads(file.read_text()) == logins
    # The token is the password of its name.
    write("podman", root, "--mirror", URL, "--user", "ci", "--token-file", files["token"])
    stored = json.loads(file.read_text())["auths"][HOST]["auth"]
    assert base64.b64decode(stored) == b"ci:entrepot_secret"


def test_crio_has_its_own_file_of_logins(root, login):
    settings = root / "etc/crio/crio.conf.d"
    settings.mkdir(parents=True)
    (root / "etc/crio/crio.conf").write_text('[crio.image]\nglobal_auth_file = "/etc/first.json"\n')
    (settings / "10-ours.conf").write_text(
        '[crio.image]\n# global_auth_file = "/no.json"\nglobal_auth_file="/etc/crio/auth.json"\n')
    (settings / "99-other.conf").write_text('[crio.image]\npause_image = "pause"\n')
    write("crio", root, "--mirror", URL, *login)
    assert json.loads((root / "etc/crio/auth.json").read_text()) == {"auths": {HOST: {"auth": BASIC}}}
    assert not (root / LOGIN_FILE).exists()
    assert "global_auth_file" in command("crio", "--mirror", URL, *login).stderr


def test_crio_and_podman_share_their_file(root):
    write("podman", root)
    assert "nothing to do" in write("crio", root).stdout
    assert "Nothing to undo" in run("client-config", "crio", "--undo", "--root", str(root)).stdout
    write("crio", root, "--mirror", URL)
    assert run("client-config", "crio", "--undo", "--root", str(root)).returncode == 0
    assert "127.0.0.1:5000" in (root / FILES["podman"][0]).read_text()
    assert run("client-config", "podman", "--undo", "--root", str(root)).returncode == 0
    assert list(root.iterdir()) == []


def test_kaniko_gets_flags(files, certificates, login):
    done = command("kaniko", "--mirror", URL, *certificates, *login)
    assert done.stdout.splitlines() == [
        f"--registry-map=index.docker.io={HOST}/docker.io",
        *(f"--registry-map={name}={HOST}/{name}" for name in sorted(NAMES) if name != "docker.io"),
        f"--registry-certificate={HOST}={files['ca']}",
        f"--registry-client-cert={HOST}={files['cert']},{files['key']}"]
    assert "/kaniko/.docker/config.json" in done.stderr and BASIC in done.stderr
    assert "--insecure-registry=10.0.0.5:5000" in command("kaniko", "--mirror", MIRROR).stdout


def test_a_login_in_clear_text(login):
    clear = "passes the network in clear text"
    assert clear in command("k3s", "--mirror", MIRROR, *login).stderr
    assert clear not in command("k3s", "--mirror", URL, *login).stderr
    assert clear not in command("k3s", "--mirror", "http://127.0.0.1:5000", *login).stderr


def test_apptainer_does_not_fall_back():
    assert "while this one is down, it pulls nothing" in command("apptainer").stderr


def test_a_certificate_of_another_hand_stays(root, certificates):
    theirs = root / CERTIFICATES["docker"] / "ca.crt"
    theirs.parent.mkdir(parents=True)
    theirs.write_text("theirs")
    done = write("docker", root, "--mirror", URL, *certificates, code=EXIT_CONFIG)
    assert f"{theirs}: is another file than " in done.stderr and "move it away" in done.stderr
    assert theirs.read_text() == "theirs"
    assert run("client-config", "docker", "--undo", "--root", str(root)).returncode == 0
    assert list(tree(root)) == [f"{CERTIFICATES['docker']}/ca.crt"]


def test_a_hosts_toml_of_another_tool_needs_the_login_too(root, login):
    theirs = root / FILES["containerd"][0]
    theirs.parent.mkdir(parents=True)
    theirs.write_text(f'[host."{URL}"]\n')
    write("containerd", root, "--mirror", URL)
    done = write("containerd", root, "--mirror", URL, *login, code=EXIT_CONFIG)
    assert f'header.Authorization = ["Basic {BASIC}"]' in done.stderr
    theirs.write_text(f'[host."{URL}"]\nheader.Authorization = ["Basic {BASIC}"]\n')
    write("containerd", root, "--mirror", URL, *login)


def test_a_key_is_not_printed(files, certificates):
    for engine in CERTIFICATES:
        done = command(engine, "--mirror", URL, *certificates)
        assert "PRIVATE KEY" not in done.stdout + done.stderr
        assert f"a copy of {files['key']}" in done.stdout + done.stderr
    assert json.loads(command("docker", "--mirror", URL, *certificates).stdout)


def test_docker_ignores_certificates_of_this_machine(files):
    said = command("docker", "--mirror", "https://127.0.0.1:5000", "--ca", files["ca"]).stderr
    assert "it trusts every certificate there" in said


def test_docker_builds_need_another_file_for_certificates(files):
    note = "for builds, write the same with --store containerd as well"
    for words, told in ((["--ca", files["ca"]], True), ([], False),
                        (["--ca", files["ca"], "--store", "containerd"], False)):
        said = command("docker", "--mirror", "https://10.0.0.5:5443", *words).stderr
        assert (note in said) == told, words


@pytest.mark.parametrize("engine,words,why", [
    ("docker", ["--user", "alice", "--password-file", "{password}"], "no login for a mirror"),
    ("docker", ["--token-file", "{token}"], "networks"),
    ("docker", ["--mirror", "https://127.0.0.1:5000", "--client-cert", "{cert}", "--client-key", "{key}"],
     "shows no certificate to an address of this machine"),
    ("buildkit", ["--user", "alice", "--password-file", "{password}"], f"docker login {HOST}"),
    ("podman", ["--token-file", "{token}"], "--user NAME"),
    ("crio", ["--token-file", "{token}"], "--user NAME"),
    ("kaniko", ["--token-file", "{token}"], "reads no file of this machine"),
    ("apptainer", ["--user", "alice", "--password-file", "{password}"],
     f"apptainer registry login --username NAME docker://{HOST}"),
    ("apptainer", ["--token-file", "{token}"], "apptainer registry login"),
    ("apptainer", ["--ca", "{ca}"], "SSL_CERT_FILE"),
    ("apptainer", ["--client-cert", "{cert}", "--client-key", "{key}"], "no certificate"),
    ("k3s", ["--token-file", "{token}"], "--user NAME"),
    ("containerd", ["--user", "alice"], "--password-file"),
    ("containerd", ["--password-file", "{password}"], "--user"),
    ("containerd", ["--user", "a:b", "--password-file", "{password}"], "--user"),
    ("containerd", ["--user", "alice", "--password-file", "{password}", "--token-file", "{token}"],
     "excludes"),
    ("containerd", ["--client-cert", "{cert}"], "--client-key"),
    ("containerd", ["--client-key", "{key}"], "--client-cert"),
    ("containerd", ["--mirror", "http://10.0.0.5:5000", "--ca", "{ca}"], "need a mirror with https"),
])
def test_wrong_usage(engine, words, why, root, files):
    words = [word.format(**files) for word in words]
    mirror = [] if "--mirror" in words else ["--mirror", URL]
    done = write(engine, root, *mirror, *words, code=EXIT_USAGE)
    assert why in done.stderr
    assert tree(root) == {}


@pytest.mark.parametrize("option,content,why", [
    ("--ca", None, "No such file"),
    ("--ca", "nonsense", "holds no certificate in PEM form"),
    ("--client-cert", "nonsense", "holds no certificate in PEM form"),
    ("--client-key", "nonsense", "holds no private key in PEM form"),
    ("--client-key", "another", "is the key of another certificate"),
    ("--client-cert", "expired", "has expired"),
    ("--password-file", None, "does not exist"),
    ("--password-file", "\n", "is empty"),
    ("--password-file", "one\ntwo\n", "more than one line"),
])
def test_unusable_files(option, content, why, root, files, certificates, login, tmp_path):
    file = tmp_path / "file"
    words = [*certificates, *login]
    authority = Authority(tmp_path / "ca") if content in ("another", "expired") else None
    if content == "another":
        file = authority.leaf("another")[1]
    elif content == "expired":
        file, words[words.index("--client-key") + 1] = authority.leaf("old", expired=True)
    elif content is not None:
        file.write_text(content)
    words[words.index(option) + 1] = file
    done = write("containerd", root, "--mirror", URL, *words, code=EXIT_CONFIG)
    assert why in done.stderr and str(file) in done.stderr
    assert tree(root) == {}


def test_a_login_of_before_comes_back(root, login):
    """Also if another hand has changed the file since."""
    file = root / LOGIN_FILE
    file.parent.mkdir(parents=True)
    mine = {"auths": {HOST: {"auth": "bWluZTptaW5l"}}}
    file.write_text(json.dumps(mine))
    write("podman", root, "--mirror", URL, *login)
    written = json.loads(file.read_text())
    assert written["auths"][HOST]["auth"] == BASIC
    written["auths"]["ghcr.io"] = {"auth": "b3RoZXI6b3RoZXI="}
    file.write_text(json.dumps(written))
    done = run("client-config", "podman", "--undo", "--root", str(root))
    assert done.returncode == 0, done.stderr
    assert json.loads(file.read_text())["auths"] == {**mine["auths"],
                                                     "ghcr.io": {"auth": "b3RoZXI6b3RoZXI="}}
