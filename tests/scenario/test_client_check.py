# SPDX-License-Identifier: Apache-2.0
"""`entrepot client-config … --check`: whether an engine reaches the mirror by its files."""

from __future__ import annotations

from pathlib import Path

import pytest

from support import https, logins, ports
from support.client_config import FILES, root, tree
from support.config import settings
from support.entrepot import EXIT_USAGE, Entrepot, run
from support.tls import Authority

__all__ = ["root"]  # a fixture

NAMES = ["docker.io", "quay.io"]
# Engines that check the certificate of a mirror on this machine, and read an authority from files.
TRUSTING = ["containerd", "podman", "crio", "k3s", "rke2", "buildkit"]


@pytest.fixture(scope="module")
def authorities(tmp_path_factory):
    directory = tmp_path_factory.mktemp("authorities")
    return Authority(directory / "ca"), Authority(directory / "fleet")


@pytest.fixture
def mirror(tmp_path):
    """Starts a mirror of two upstreams, to which it sends nothing, with this listener."""
    made = []

    def start(listener: dict | None = None, **keys) -> Entrepot:
        config = settings(tmp_path / "cache", {name: {"endpoint": "http://127.0.0.1:1"} for name in NAMES},
                          listen=[listener or {"address": "127.0.0.1:0"}], **keys)
        made.append(Entrepot(tmp_path, config).start())
        return made[-1]
    yield start
    for one in made:
        one.close()


@pytest.fixture
def guarded(mirror, authorities, tmp_path):
    """A mirror with HTTPS that wants a certificate of the fleet, and one that wants a login."""
    authority, fleet = authorities

    def start(certificate: bool = False, login: bool = False) -> Entrepot:
        listener = https.listening(authority.leaf("mirror"),
                                   **({"client_ca": str(fleet.certificate)} if certificate else {}))
        if not login:
            return mirror(listener)
        users = logins.write_users(tmp_path / "users", {"alice": "right"})
        return mirror({**listener, "auth": {"htpasswd": str(users)}},
                      access=[{"who": ["user:alice"], "repositories": ["*"]}])
    return start


def client_config(engine: str, mirror: Entrepot, root: Path, *words, scheme: str = "http"):
    return run("client-config", engine, "--config", str(mirror.config_path), "--mirror",
               f"{scheme}://127.0.0.1:{mirror.port}", "--root", str(root), *map(str, words))


def write(engine: str, mirror: Entrepot, root: Path, *words, scheme: str = "http") -> None:
    done = client_config(engine, mirror, root, "--write", *words, scheme=scheme)
    assert done.returncode == 0, done.stderr


def check(engine: str, mirror: Entrepot, root: Path, outcome: str, scheme: str = "http",
          words=()) -> str:
    """Asserts the outcome for each registry that the engine asks the mirror for."""
    before = tree(root)
    done = client_config(engine, mirror, root, "--check", *words, scheme=scheme)
    names = ["docker.io"] if engine == "docker" and "containerd" not in words else NAMES
    lines = [line for line in done.stdout.splitlines() if line.startswith(tuple(NAMES))]
    assert [line.split(" (")[0] for line in lines] == [f"{name}: {outcome}" for name in names], \
        (done.stdout, done.stderr)
    assert done.returncode == (0 if outcome == "reached" else 1)
    assert tree(root) == before
    return done.stdout


@pytest.mark.parametrize("engine", FILES)
def test_a_plain_mirror(engine, mirror, root):
    entrepot = mirror({"address": ports.keep_address()})
    check(engine, entrepot, root, "not configured")
    write(engine, entrepot, root)
    said = check(engine, entrepot, root, "reached")
    assert f"http://127.0.0.1:{entrepot.port}/v2/" in said
    entrepot.terminate()
    assert f"127.0.0.1:{entrepot.port}" in check(engine, entrepot, root, "not reached")
    assert run("client-config", engine, "--undo", "--root", str(root)).returncode == 0
    check(engine, entrepot, root, "not configured")


def test_dockers_files_tell_its_store(mirror, root):
    entrepot = mirror()
    store = ("--store", "containerd")
    check("docker", entrepot, root, "not configured", words=store)
    write("docker", entrepot, root, *store)
    check("docker", entrepot, root, "reached", words=store)
    done = client_config("docker", entrepot, root, "--check")
    assert done.returncode == 0 and done.stdout.count("reached") == len(NAMES)
    check("docker", entrepot, root, "not configured", words=("--store", "graphdriver"))


@pytest.mark.parametrize("engine", TRUSTING)
def test_a_private_authority(engine, guarded, authorities, root):
    entrepot = guarded()
    write(engine, entrepot, root, scheme="https")
    said = check(engine, entrepot, root, "certificate not trusted", scheme="https")
    assert "issuer certificate" in said or "self-signed" in said
    write(engine, entrepot, root, "--ca", authorities[0].certificate, scheme="https")
    check(engine, entrepot, root, "reached", scheme="https")


def test_docker_trusts_this_machine(guarded, root):
    entrepot = guarded()
    write("docker", entrepot, root, scheme="https")
    check("docker", entrepot, root, "reached", scheme="https")


@pytest.mark.parametrize("engine", TRUSTING)
def test_a_client_certificate(engine, guarded, authorities, root):
    entrepot = guarded(certificate=True)
    authority, fleet = authorities
    ca = ["--ca", authority.certificate]
    write(engine, entrepot, root, *ca, scheme="https")
    check(engine, entrepot, root, "login refused", scheme="https")
    certificate, key = authority.leaf("stranger", usage="clientAuth")
    write(engine, entrepot, root, *ca, "--client-cert", certificate, "--client-key", key, scheme="https")
    check(engine, entrepot, root, "login refused", scheme="https")
    certificate, key = fleet.leaf("node", usage="clientAuth")
    write(engine, entrepot, root, *ca, "--client-cert", certificate, "--client-key", key, scheme="https")
    check(engine, entrepot, root, "reached", scheme="https")


@pytest.mark.parametrize("engine", [engine for engine in TRUSTING if engine != "buildkit"])
def test_a_login(engine, guarded, authorities, root, tmp_path):
    entrepot = guarded(login=True)
    words = ["--ca", authorities[0].certificate]
    write(engine, entrepot, root, *words, scheme="https")
    check(engine, entrepot, root, "login refused", scheme="https")
    words += ["--user", "alice", "--password-file", tmp_path / "password"]
    (tmp_path / "password").write_text("wrong")
    write(engine, entrepot, root, *words, scheme="https")
    check(engine, entrepot, root, "login refused", scheme="https")
    (tmp_path / "password").write_text("right")
    write(engine, entrepot, root, *words, scheme="https")
    check(engine, entrepot, root, "reached", scheme="https")


def test_an_answer_of_no_registry(mirror, root):
    entrepot = mirror()
    entrepot.port = entrepot.admin_port
    write("containerd", entrepot, root)
    assert "404" in check("containerd", entrepot, root, "no registry")


@pytest.mark.parametrize("engine", FILES)
def test_a_file_that_cannot_be_parsed(engine, mirror, root):
    entrepot = mirror()
    for name in [name for name in FILES[engine] if engine != "containerd"] or \
            [f"etc/containerd/certs.d/{name}/hosts.toml" for name in NAMES]:
        (root / name).parent.mkdir(parents=True)
        (root / name).write_text("{ [")
    said = check(engine, entrepot, root, "not readable")
    assert "cannot be parsed" in said and str(root) in said


def test_a_certificate_that_is_gone(guarded, authorities, root):
    entrepot = guarded()
    write("k3s", entrepot, root, "--ca", authorities[0].certificate, scheme="https")
    (root / "etc/rancher/k3s/entrepot/ca.crt").unlink()
    assert "ca.crt does not exist" in check("k3s", entrepot, root, "not readable", scheme="https")
    (root / "etc/rancher/k3s/entrepot/ca.crt").write_text("nonsense")
    check("k3s", entrepot, root, "not readable", scheme="https")


def test_another_mirror_in_the_files(mirror, root):
    entrepot = mirror()
    write("podman", entrepot, root)
    other = run("client-config", "podman", "--config", str(entrepot.config_path), "--mirror",
                "http://10.0.0.9:5000", "--root", str(root), "--check")
    assert other.returncode == 1
    assert "entrepot.conf has no mirror 10.0.0.9:5000/docker.io" in other.stdout


def test_some_registries_only(mirror, root):
    entrepot = mirror()
    write("containerd", entrepot, root)
    (root / "etc/containerd/certs.d/quay.io/hosts.toml").unlink()
    done = client_config("containerd", entrepot, root, "--check")
    assert done.returncode == 1
    assert done.stdout.splitlines()[0].startswith("docker.io: reached")
    assert "quay.io: not configured" in done.stdout and "hosts.toml does not exist" in done.stdout
    assert "has no config_path" in done.stdout


def test_a_crio_with_its_own_file_of_logins(guarded, authorities, root, tmp_path):
    entrepot = guarded(login=True)
    (root / "etc/crio").mkdir(parents=True)
    (root / "etc/crio/crio.conf").write_text('[crio.image]\nglobal_auth_file = "/etc/crio/auth.json"\n')
    (tmp_path / "password").write_text("right")
    words = ["--ca", authorities[0].certificate, "--user", "alice", "--password-file", tmp_path / "password"]
    write("podman", entrepot, root, *words, scheme="https")
    check("crio", entrepot, root, "login refused", scheme="https")
    write("crio", entrepot, root, *words, scheme="https")
    check("crio", entrepot, root, "reached", scheme="https")


def test_it_pulls_nothing(root, tmp_path, upstream):
    config = settings(tmp_path / "cache", {"docker.io": upstream})
    entrepot = Entrepot(tmp_path, config).start()
    try:
        write("containerd", entrepot, root)
        assert client_config("containerd", entrepot, root, "--check").returncode == 0
        assert upstream.log == []
    finally:
        entrepot.close()


@pytest.mark.parametrize("words,why", [
    (["docker", "--check", "--write"], "excludes"),
    (["docker", "--check", "--undo"], "excludes"),
    (["docker", "--check", "--ca", "/x"], "excludes"),
    (["containerd", "--check", "--registries", "all"], "excludes"),
    (["kaniko", "--check"], "reads no file of this machine"),
])
def test_wrong_usage(words, why):
    done = run("client-config", *words)
    assert done.returncode == EXIT_USAGE and why in done.stderr
