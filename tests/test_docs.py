# SPDX-License-Identifier: Apache-2.0
"""The documents agree with the product: every key of the configuration is described with its default,
links lead somewhere, metrics exist, and every file names the same version."""

from __future__ import annotations

import fnmatch
import json
import os
import re
import subprocess
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parent.parent
DOCUMENTS = sorted([*PROJECT.glob("*.md"), *PROJECT.glob("docs/**/*.md"),
                    *PROJECT.glob("findings/*.md"), *PROJECT.glob(".github/**/*.md")])
MOST_LINES_OF_README = 130
NAME = "docker.io"  # stands for NAME in the reference


def name_of(document: Path) -> str:
    return document.relative_to(PROJECT).as_posix()


def prose(text: str) -> str:
    """Without code, the targets of links and emphasis, which are no sentences."""
    text = re.sub(r"(?ms)^```.*?^```$", "", text)
    text = re.sub(r"`[^`\n]*`", "`", text)
    return re.sub(r"\]\([^)]*\)", "]", text).replace("*", "")


# --- The configuration.


def reference() -> dict[str, str | None]:
    """Every key of docs/configuration.md with its default; None: it has none."""
    rows = re.findall(r"(?m)^\| `([a-zA-Z_.\[\]]+)` \| (`[^`]*`|–) \| (?:reload|restart) \| \S",
                      (PROJECT / "docs/configuration.md").read_text())
    assert len(rows) == len(dict(rows)), "a key is described twice"
    return {key: None if default == "–" else default.strip("`") for key, default in rows}


def objects_of(keys) -> dict[str, set[str]]:
    """The objects of the configuration, by path, and the keys that the reference describes in each:
    of a.b[].c those are a in "", b in "a" and c in "a.b[]"."""
    objects: dict[str, set[str]] = {}
    for key in keys:
        path = ""
        for part in key.split("."):
            if part != "NAME":
                objects.setdefault(path, set()).add(part.removesuffix("[]"))
            path = f"{path}.{part}" if path else part
    objects.pop("upstreams", None)  # its keys are the names of registries
    objects.pop("groups", None)  # its keys are the names of groups
    return objects


def known_keys(path: str) -> set[str]:
    """The keys that the product knows in an object: its complaint about an unknown one lists them."""
    concrete = path.replace("NAME", NAME).replace("[]", "[0]")
    unknown = f"{concrete}.unknown" if concrete else "unknown"
    key = unknown.replace(NAME, f'"{NAME}"')
    done = subprocess.run([os.environ["ENTREPOT_BINARY"], "check", "-s", f"{key}=1"],
                          capture_output=True, text=True, timeout=60, check=False)
    found = re.search(rf"{re.escape(unknown)}: unknown key; known here: (.*)", done.stderr)
    assert done.returncode == 78 and found, done.stderr
    return set(found[1].split(", "))


KEYS = reference()
OBJECTS = objects_of(KEYS)


@pytest.mark.parametrize("path", OBJECTS, ids=lambda path: path or "top")
def test_every_key_is_described_and_no_other(path):
    assert OBJECTS[path] == known_keys(path)


def shipped_default(key: str):
    """Its value in conf/entrepot.json, which a unit test compares with the built-in defaults."""
    text = (PROJECT / "conf/entrepot.json").read_text()
    value = json.loads(re.sub(r"(?m)^\s*//.*$|//[^\"\n]*$", "", text))
    rest = key.replace(".NAME", f".{NAME}", 1)
    while rest:
        found = re.match(rf"({re.escape(NAME)}|[a-z_]+)(\[\])?(?:\.|$)", rest)
        value = value.get(found[1]) if isinstance(value, dict) else None
        if found[2]:
            value = value[0] if value else None
        rest = rest[found.end():]
    return value


@pytest.mark.parametrize("key", [key for key, default in KEYS.items() if default is not None])
def test_default_is_the_shipped_one(key):
    try:
        described = json.loads(KEYS[key])
    except json.JSONDecodeError:
        described = KEYS[key]
    assert shipped_default(key) == described


# --- The version.


@pytest.mark.parametrize("file,pattern", [
    ("deploy/Dockerfile", r'image\.version="(.*)"'),
    ("deploy/kubernetes/kustomization.yaml", r"newName: .*/entrepot\n *newTag: (.*)"),
    ("deploy/kubernetes/nodes/kustomization.yaml", r"newName: .*/entrepot\n *newTag: (.*)"),
    ("deploy/kubernetes/site/kustomization.yaml", r"newName: .*/entrepot\n *newTag: (.*)"),
    ("docs/install.md", r"[/: ]entrepot[:-]([\d.]+)"),
    ("README.md", r"This is version ([\d.]+):"),
    ("README.zh-CN.md", r"这是版本 ([\d.]+)"),
    ("docs/install.zh-CN.md", r"[/: ]entrepot[:-]([\d.]+)"),
])
def test_version_is_the_one_of_cmake(file, pattern):
    """deploy/set_version.sh writes all of them."""
    version = re.search(r"project\(entrepot VERSION (\S+)", (PROJECT / "CMakeLists.txt").read_text())[1]
    assert set(re.findall(pattern, (PROJECT / file).read_text())) == {version}


def test_the_version_has_upgrade_notes():
    version = re.search(r"project\(entrepot VERSION (\S+)", (PROJECT / "CMakeLists.txt").read_text())[1]
    assert f"\n## {version}\n" in (PROJECT / "docs/upgrades.md").read_text()


# --- The documents.


def anchors(document: Path) -> set[str]:
    """The fragments by which forges address the headings of a document."""
    headings = re.findall(r"(?m)^#+ (.*)$", re.sub(r"(?ms)^```.*?^```$", "", document.read_text()))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_named_paths_exist(document):
    """Paths below a folder of the project, in backticks."""
    for path in re.findall(r"`((?:cache|proxy|metrics|conf|deploy|docs|tests)/[\w./-]*)`",
                           document.read_text()):
        assert (PROJECT / path).exists(), path


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_links_lead_to_existing_targets(document):
    for link in re.findall(r"\]\(([^)\s]+)\)", document.read_text()):
        if re.match(r"[a-z]+:", link):
            continue
        file, _, fragment = link.partition("#")
        target = (document.parent / file).resolve() if file else document
        assert target.exists(), link
        assert not fragment or fragment in anchors(target), link


def test_every_document_is_reachable_from_the_readme():
    seen, queue = set(), [PROJECT / "README.md"]
    while queue:
        document = queue.pop()
        if document in seen or document.suffix != ".md":
            continue
        seen.add(document)
        queue += [(document.parent / link.partition("#")[0]).resolve()
                  for link in re.findall(r"\]\(([^)\s:]+\.md(?:#[^)]*)?)\)", document.read_text())]
    assert {name_of(document) for document in DOCUMENTS
            if not name_of(document).startswith(".github/")} == {name_of(document) for document in seen}


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_a_command_installs_one_package(document):
    """The folder of a release has a package for each system and architecture."""
    files = [f"entrepot_1.2.3-1~{system}_{arch}.deb" for system in ("debian12", "debian13", "ubuntu24.04")
             for arch in ("amd64", "arm64")]
    for pattern in re.findall(r"apt-get install (?:\S*/)?(entrepot_[^\s`]*\.deb)", document.read_text()):
        assert len(fnmatch.filter(files, pattern)) == 1, pattern


def test_the_first_command_of_the_readme_works_in_a_fresh_clone():
    """Nothing is published that it could install."""
    section = (PROJECT / "README.md").read_text().partition("\n## Run it\n")[2]
    assert re.search(r"(?m)^```sh\n(.*)\n```$", section)[1] == "deploy/quickstart.sh"


def test_readme_is_short_and_has_the_two_commands():
    lines = (PROJECT / "README.md").read_text().splitlines()
    assert len(lines) <= MOST_LINES_OF_README
    for command in ("deploy/quickstart.sh", "tests/run.sh"):
        assert lines[lines.index(command) - 1] == "```sh"
        assert os.access(PROJECT / command, os.X_OK)


def outline(document: Path) -> dict[str, list]:
    """The parts of a document that have no language: the levels of its headings, its blocks of code, its
    spans of code, the rows of its tables and the targets of its links; those of one section each, since
    another language has another order of words."""
    text = document.read_text().replace(".zh-CN.md", ".md")
    blocks = re.findall(r"(?ms)^```.*?^```$", text)
    sections = re.split(r"(?m)^(#+) .*$", re.sub(r"(?ms)^```.*?^```$", "", text))
    links = [[link.partition("#")[0] or link for link in re.findall(r"\]\(([^)\s]+)\)", one)] for one in sections]
    return {"headings": sections[1::2], "blocks": blocks,
            "spans": [sorted(re.findall(r"`([^`]+)`", one)) for one in sections],
            "rows": [len(re.findall(r"(?m)^\|", one)) for one in sections],
            "items": [len(re.findall(r"(?m)^- ", one)) for one in sections],
            "links": [sorted(one) for one in links]}


@pytest.mark.parametrize("english", ["README.md", "docs/install.md"])
@pytest.mark.parametrize("part", ["headings", "blocks", "spans", "rows", "items", "links"])
def test_chinese_document_is_in_step(english, part):
    """A change of one is a change of the other."""
    one = PROJECT / english
    other = one.with_suffix(".zh-CN.md")
    assert outline(one)[part] == outline(other)[part]
    for document, link in ((one, other.name), (other, one.name)):
        assert f"]({link})" in document.read_text().partition("\n## ")[0]


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_metrics_exist(document):
    sources = "".join(file.read_text() for file in (PROJECT / "metrics").rglob("*.cc"))
    for name in re.findall(r"\bentrepot_[a-z_]+_(?:total|bytes|seconds|remaining|ratio|limit)\b",
                           document.read_text()):
        assert f'"{name}"' in sources, name


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_plain_english(document):
    """No sentence has a relative clause for a subject, as "What is stored stays" has."""
    text = prose(document.read_text())
    begins = re.findall(r"(?m)(?:^[#>\-| ]*|[.!?:|] )((?:What|Who|Where|Of|Whoever)\b[^.?!|]*[.?!|]?)",
                        text)
    assert not [sentence for sentence in begins if not sentence.endswith("?")]
    assert not re.findall(r"(?i)\b(?:anew|whoever|somebody)\b", text)
