# SPDX-License-Identifier: Apache-2.0
"""deploy/release.sh, with the binary under test in the place of those it builds in systems of its own: every file of a
release, and the same bits twice. Installing from its repository is a part of test_package.py."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from support import rootfs
from support.daemon import run_command
from support.docker_registry import DockerRegistry
from support.release import PROJECT, SCRIPT, SigningKey

BUILD = Path(os.environ["ENTREPOT_BUILD_DIR"])
PARTS = PROJECT / "deploy/release"
SIGNED = re.compile(r"(/InRelease|/Release\.gpg|\.asc|/entrepot\.gpg)$")  # a signature has its own time
VERSION = re.search(r"project\(entrepot VERSION (\S+)", (PROJECT / "CMakeLists.txt").read_text())[1]
# git uses a clone of another user only if the settings at home say so, which another HOME lacks.
TRUSTED = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": str(PROJECT)}

pytestmark = pytest.mark.skipif(
    subprocess.run(["git", "-C", PROJECT, "rev-parse", "HEAD"], capture_output=True, check=False).returncode != 0,
    reason="the sources are not in a clone")


@pytest.fixture(scope="module")
def key():
    made = SigningKey()
    yield made
    made.remove()


@dataclass
class Release:
    folder: Path
    arch: str

    def file(self, pattern: str) -> Path:
        found, = self.folder.glob(pattern)
        return found

    def sums(self) -> dict[str, str]:
        return {str(path.relative_to(self.folder)): hashlib.sha256(path.read_bytes()).hexdigest()
                for path in self.folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    made = tmp_path_factory.mktemp("release")
    yield made
    shutil.rmtree(made, ignore_errors=True)  # 100 MB, which pytest would keep


@pytest.fixture(scope="module")
def release(directory, key) -> Release:
    run_command(SCRIPT, "--built", BUILD, "--output", directory / "one", "--sign", key.identity, "HEAD", env=key.env)
    return Release(directory / "one", run_command("dpkg", "--print-architecture").stdout.strip())


def test_the_same_bits_twice(release, directory):
    """At another time and place, with other settings of the user, and without a key."""
    run_command("sh", "-c", 'umask 077; exec "$0" "$@"', SCRIPT, "--built", BUILD, "--output", directory / "two", "HEAD",
                env={"TZ": "Asia/Kathmandu", "LANG": "de_DE.UTF-8", "HOME": str(directory), **TRUSTED})
    two = Release(directory / "two", release.arch).sums()
    assert two == {name: digest for name, digest in release.sums().items() if not SIGNED.search(f"/{name}")}


def test_names_and_checksums(release, key):
    suite, arch = rootfs.suite_of_this_system(), release.arch
    deb = release.file("entrepot_*.deb").name
    files = {f"entrepot-{VERSION}{rest}" for rest in (
        ".tar.gz", "-chart.tgz", "-image.tar", f"-linux-{arch}.tar.gz", f"_{suite}-{arch}.spdx.json")}
    files |= {deb, "NOTES.md"}
    assert {path.name for path in release.folder.iterdir()} == {
        *files, "SHA256SUMS", "SHA256SUMS.asc", "repository"}
    lines = (release.folder / "SHA256SUMS").read_text().splitlines()
    sums = release.sums()
    assert {line.split()[1]: line.split()[0] for line in lines} == {name: sums[name] for name in files}
    run_command("gpg", "--verify", release.folder / "SHA256SUMS.asc", env=key.env)


# --- The repository.


class Apt:
    """apt with its own state, and the repository as its only source."""

    def __init__(self, directory: Path, repository: Path, trust: str = ""):
        self.directory = directory
        for folder in ("state/lists/partial", "cache/archives/partial"):
            (directory / folder).mkdir(parents=True)
        (directory / "status").touch()
        trust = trust or f"signed-by={repository / 'entrepot.gpg'}"
        (directory / "sources.list").write_text(
            f"deb [{trust}] file:{repository} {rootfs.suite_of_this_system()} main\n")

    def __call__(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess:
        own = {"Dir::State": "state", "Dir::State::status": "status", "Dir::Cache": "cache",
               "Dir::Etc::sourcelist": "sources.list", "Dir::Etc::sourceparts": "none"}
        options = [f"-o{name}={self.directory / value}" for name, value in own.items()]
        return run_command("sh", "-c", 'cd "$0" && exec apt-get "$@"', self.directory, *options,
                           "-oAPT::Sandbox::User=", *arguments, check=check)


def test_apt_trusts_the_repository(release, tmp_path):
    apt = Apt(tmp_path / "apt", release.folder / "repository")
    done = apt("update")
    assert "W:" not in done.stdout and "E:" not in done.stdout, done.stdout
    apt("download", "entrepot")
    got, = (tmp_path / "apt").glob("*.deb")
    assert got.read_bytes() == release.file("entrepot_*.deb").read_bytes()


@pytest.mark.parametrize("file, before, after", [
    ("InRelease", "Origin: Entrepot", "Origin: Elsewhere"), ("main/binary-*/Packages", "Package: entrepot", "Package: other")])
def test_apt_refuses_a_changed_repository(release, tmp_path, file, before, after):
    repository = tmp_path / "repository"
    shutil.copytree(release.folder / "repository", repository)
    changed, = repository.glob(f"dists/*/{file}")
    text = changed.read_text()
    assert before in text
    changed.write_text(text.replace(before, after))
    if file != "InRelease":
        changed.with_suffix(".gz").unlink()
    done = Apt(tmp_path / "apt", repository)("update", check=False)
    assert done.returncode != 0 and re.search(r"(?m)^E: ", done.stdout), done.stdout


def test_apt_takes_a_repository_without_signature_on_trust_only(tmp_path):
    """As docs/install.md says of a release without --sign."""
    control = tmp_path / "tree/DEBIAN/control"
    control.parent.mkdir(parents=True)
    system = {"bookworm": "debian12", "trixie": "debian13", "noble": "ubuntu24.04"}[rootfs.suite_of_this_system()]
    control.write_text(f"Package: entrepot\nVersion: 1-1~{system}\nArchitecture: all\nMaintainer: Test <test@test.invalid>\n"
                       "Description: Test\n")
    run_command("dpkg-deb", "--build", control.parents[1], tmp_path / "entrepot_1_all.deb")
    run_command(PARTS / "repository.sh", tmp_path / "repository", "", tmp_path / "entrepot_1_all.deb")
    assert not (tmp_path / "repository/entrepot.gpg").exists()
    done = Apt(tmp_path / "signed", tmp_path / "repository")("update", check=False)
    assert done.returncode != 0 and re.search(r"(?m)^E: .*not signed", done.stdout), done.stdout
    done = Apt(tmp_path / "trusted", tmp_path / "repository", "trusted=yes")("update")
    assert not re.search(r"(?m)^E: ", done.stdout), done.stdout


# --- The image.


def inspect(image: str, *options: str) -> dict:
    return json.loads(run_command("skopeo", "inspect", *options, image).stdout)


def pulled(directory: Path, descriptor: dict) -> Path:
    return directory / "pulled" / descriptor["digest"].removeprefix("sha256:")


def test_image_is_pushed_and_runs(release, tmp_path):
    archive = f"oci-archive:{release.file('*-image.tar')}:{VERSION}"
    index = inspect(archive, "--raw")
    assert [one["platform"] for one in index["manifests"]] == [{"architecture": release.arch, "os": "linux"}]
    (tmp_path / "store").mkdir()
    registry = DockerRegistry(tmp_path / "store", read_only=False)
    try:
        pushed = f"docker://{registry.address}/entrepot:{VERSION}"
        run_command("skopeo", "copy", "--all", "--preserve-digests", "--dest-tls-verify=false", archive, pushed)
        assert inspect(pushed, "--raw", "--tls-verify=false") == index
        run_command("skopeo", "copy", "--src-tls-verify=false", pushed, f"dir:{tmp_path / 'pulled'}")
    finally:
        registry.stop()
    manifest = json.loads((tmp_path / "pulled/manifest.json").read_text())
    config = json.loads(pulled(tmp_path, manifest["config"]).read_text())["config"]
    assert (config["User"], config["Entrypoint"]) == ("65532:65532", ["entrepot"])
    assert config["Labels"]["org.opencontainers.image.version"] == VERSION
    assert set(config["Volumes"]) == {"/var/lib/entrepot"} and set(config["ExposedPorts"]) == {"5000/tcp", "5080/tcp"}
    assert config["Healthcheck"]["Test"] == ["CMD", "entrepot", "health"]
    layer, = manifest["layers"]
    with tarfile.open(pulled(tmp_path, layer)) as tar:
        owners = {name.name: (name.uid, name.mode) for name in tar}
        tar.extractall(tmp_path / "root")
    assert owners.pop("var/lib/entrepot") == (65532, 0o755)
    assert {owner for owner, _ in owners.values()} == {0}
    if os.geteuid() == 0:
        done = run_command("chroot", tmp_path / "root", "/usr/bin/entrepot", "check", *config["Cmd"][1:])
        assert "good" in done.stdout


def test_image_of_two_architectures(release, tmp_path):
    (tmp_path / "root/etc").mkdir(parents=True)
    (tmp_path / "root/etc/passwd").write_text("entrepot:x:65532:65532::/:/usr/sbin/nologin\n")
    run_command("/usr/bin/python3", "-B", PARTS / "image.py", PROJECT / "deploy/Dockerfile", "0" * 40,
                tmp_path / "two.tar", f"amd64={tmp_path / 'root'}", f"arm64={tmp_path / 'root'}",
                env={"SOURCE_DATE_EPOCH": "1000000000"})
    archive = f"oci-archive:{tmp_path / 'two.tar'}:{VERSION}"
    run_command("skopeo", "copy", "--all", "--preserve-digests", archive, f"oci:{tmp_path / 'layout'}:{VERSION}")
    for arch in ("amd64", "arm64"):
        config = json.loads(run_command("skopeo", f"--override-arch={arch}", "inspect", "--config",
                                        f"oci:{tmp_path / 'layout'}:{VERSION}").stdout)
        assert (config["architecture"], config["created"]) == (arch, "2001-09-09T01:46:40Z")


def test_an_unknown_instruction_of_the_dockerfile_is_told(tmp_path):
    dockerfile = tmp_path / "Dockerfile"
    dockerfile.write_text((PROJECT / "deploy/Dockerfile").read_text() + "RUN true\n")
    done = run_command("/usr/bin/python3", "-B", PARTS / "image.py", dockerfile, "0" * 40, tmp_path / "x.tar",
                       check=False, env={"SOURCE_DATE_EPOCH": "1"})
    assert done.returncode == 1 and "RUN true" in done.stdout


# --- The archive with all libraries.


def test_archive_needs_glibc_only(release, tmp_path):
    with tarfile.open(release.file("*-linux-*.tar.gz")) as archive:
        archive.extractall(tmp_path)
    folder = tmp_path / f"entrepot-{VERSION}-linux-{release.arch}"
    binary = folder / "bin/entrepot"
    assert run_command("env", "-i", binary, "version").stdout.startswith(f"entrepot {VERSION}")
    elsewhere = {}
    for line in run_command("ldd", binary).stdout.splitlines():
        if found := re.match(r"\s*(\S+) => (\S+)", line):
            if folder not in Path(os.path.realpath(found[2])).parents:
                elsewhere[found[1]] = found[2]
    owners = run_command("dpkg-query", "--search", *(f"*/{name}" for name in elsewhere)).stdout
    assert elsewhere and {line.split(":")[0] for line in owners.splitlines() if "cross" not in line} <= {
        "libc6", "libc6-i386", "libc6-x32"}, elsewhere
    names = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert {"INSTALL", "share/man/man8/entrepot.8.gz", "share/bash-completion/completions/entrepot",
            "share/zsh/site-functions/_entrepot", "share/fish/vendor_completions.d/entrepot.fish",
            "lib/systemd/system/entrepot.service", "share/doc/entrepot/LICENSE",
            "share/doc/entrepot/entrepot.json"} <= names
    unit = (folder / "lib/systemd/system/entrepot.service").read_text()
    assert "ExecStart=/usr/local/bin/entrepot serve" in unit and "/usr/bin/entrepot" not in unit


def test_archive_leaves_the_folders_of_the_system(release, tmp_path):
    """The command of its INSTALL, where a folder is writable for a group and another is a link."""
    local, elsewhere = tmp_path / "local", tmp_path / "elsewhere"
    for folder, mode in ((local, 0o755), (local / "share", 0o2775), (elsewhere, 0o755)):
        folder.mkdir()
        folder.chmod(mode)
    (local / "lib").symlink_to(elsewhere)
    archive = release.file("*-linux-*.tar.gz")
    with tarfile.open(archive) as tar:
        text = tar.extractfile(f"{archive.name.removesuffix('.tar.gz')}/INSTALL").read().decode()
    command = re.search(r"(?m)^  (tar .*)$", text)[1].replace("/usr/local", str(local))
    run_command("sh", "-c", f'cd "$0" && {command}', release.folder)
    assert (local / "share").stat().st_mode & 0o7777 == 0o2775
    assert (local / "lib").is_symlink() and (elsewhere / "systemd/system/entrepot.service").exists()


# --- The list of contents.


def test_list_of_contents(release):
    document = json.loads(release.file("*.spdx.json").read_text())
    assert (document["spdxVersion"], document["dataLicense"]) == ("SPDX-2.3", "CC0-1.0")
    packages = {one["name"]: one for one in document["packages"]}
    identifiers = [one["SPDXID"] for one in document["packages"]]
    assert len(set(identifiers)) == len(identifiers)
    assert all(re.fullmatch(r"SPDXRef-[A-Za-z0-9.-]+", one) for one in identifiers)
    ends = {one[end] for one in document["relationships"] for end in ("spdxElementId", "relatedSpdxElement")}
    assert ends == {*identifiers, "SPDXRef-DOCUMENT"}
    for name in re.findall(r"([a-z0-9.+-]+)", release_depends(release)):
        if name.startswith("lib"):
            done = run_command("dpkg-query", "-W", "-f=${db:Status-Status} ${Version}\n", name, check=False)
            if found := re.match(r"installed (\S+)", done.stdout):  # otherwise another name of a package
                assert packages[name]["versionInfo"] == found[1]
                assert packages[name]["externalRefs"][0]["referenceLocator"].startswith("pkg:deb/")
    assert {"nlohmann-json3-dev", "libcli11-dev", "g++"} <= set(packages)
    checksum = packages["entrepot"]["checksums"][0]["checksumValue"]
    assert checksum == release.sums()[release.file("entrepot_*.deb").name]


def release_depends(release: Release) -> str:
    text = run_command("dpkg-deb", "--field", release.file("entrepot_*.deb"), "Depends").stdout
    return re.sub(r"\([^)]*\)", "", text)


# --- Chart, sources and notes.


def test_chart_sources_and_notes(release):
    with tarfile.open(release.file("*-chart.tgz")) as chart:
        about = yaml.safe_load(chart.extractfile("entrepot/Chart.yaml"))
    assert (about["version"], about["appVersion"]) == (VERSION, VERSION)
    with tarfile.open(release.folder / f"entrepot-{VERSION}.tar.gz") as sources:
        assert f"entrepot-{VERSION}/deploy/quickstart.sh" in sources.getnames()
    notes = (release.folder / "NOTES.md").read_text()
    assert re.match(rf"# Entrepot {re.escape(VERSION)}\n\n###? \w", notes), notes[:200]  # nothing about the changelog itself


def test_a_tag_needs_its_section_of_the_changelog(tmp_path):
    changelog = tmp_path / "CHANGELOG.md"
    changelog.write_text("# Changelog\n\n## [Unreleased]\n\nNew.\n\n## [0.2.0] - 2027-01-01\n\nOlder.\n")

    def notes(version: str, ref: str) -> subprocess.CompletedProcess:
        return run_command("/usr/bin/python3", "-B", PARTS / "notes.py", changelog, version, ref, check=False)
    assert notes("0.2.0", "v0.2.0").stdout == "# Entrepot 0.2.0\n\nOlder.\n"
    assert notes("0.3.0", "HEAD").stdout == "# Entrepot 0.3.0\n\nNew.\n"
    done = notes("0.3.0", "v0.3.0")
    assert done.returncode == 1 and "has no section [0.3.0]" in done.stdout


# --- Arguments.


@pytest.mark.parametrize("arguments, code, problem", [
    ([], 64, "TAG|HEAD"), (["--other", "x", "HEAD"], 64, "TAG|HEAD"), (["HEAD", "HEAD"], 64, "TAG|HEAD"),
    (["v0.0.0-none"], 1, "is no commit"), (["--suites", "sid", "HEAD"], 1, "sid is none of"),
    (["--archs", "riscv64", "HEAD"], 1, "riscv64 is neither"), (["--built", "/nowhere", "HEAD"], 1, "is no build folder"),
    (["--built", str(BUILD), "--sign", "nobody@test.invalid", "HEAD"], 1, "has no secret key"),
    (["--built", str(BUILD), "--output", str(PROJECT), "HEAD"], 1, "is not empty"),
    (["HEAD~0"], 1, "its tag is v")])
def test_wrong_arguments_are_refused(key, arguments, code, problem):
    done = run_command(SCRIPT, *arguments, check=False, env=key.env)
    assert (done.returncode, problem in done.stdout) == (code, True), done.stdout
