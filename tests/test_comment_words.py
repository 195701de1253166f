# SPDX-License-Identifier: Apache-2.0
"""comment_words.py finds each kind of offence in each kind of file, and holds its table."""

import subprocess
import sys
from pathlib import Path

import pytest

import comment_words

SCRIPT = Path(__file__).with_name("comment_words.py")


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def run(root: Path, *options: str) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-B", str(SCRIPT), *options, str(root)],
                          capture_output=True, text=True, check=False)


def offences(root: Path, files: dict[str, str]) -> list[str]:
    """Writes the files and returns each offence as file:line: rule: text."""
    write(root, files)
    return [f"{file}:{offence.line}: {offence.rule}: {offence.found}"
            for file, found in comment_words.find(root).items() for offence in found]


# --- Rules


@pytest.mark.parametrize("comment,rules", [
    ("What the file holds.", "start"),
    ("Who waits for it.", "start"),
    ("Where the size is unknown it asks.", "start"),
    ("Of the whole list.", "start"),
    ("Whoever", "word"),
    ("Somebody's disk is full.", "start word"),
    ("Nobody reads it.", "start"),
    ("Nobody.", ""),
    ("Those that have left.", "start"),
    ("Those without a name.", "start"),
    ("Those files stay.", ""),
    ("Whatever comes stays.", ""),
    ("Offers nothing.", ""),
    ("what the file holds", ""),
    ("What is the size? The upstream tells.", ""),
    ("What the size is. Is it known?", "start"),
    ("Reads it. What is left stays.", "start"),
    ("Reads it (Who waits has it).", ""),
    ("Reads it. (Who waits has it.)", "start"),
    ("Reads all: What is left stays.", "start"),
    ("Reads 1.5 MiB, says Who.", ""),
    ("Begins anew.", "word"),
    ("Waits for whoever comes.", "word"),
    ("Waits for somebody.", "word"),
    ("It renews `anew` and `Whoever waits`.", ""),
    ("A new canewood.", ""),
    ("See the protocol notes, 1.4.", "reference"),
    ("See the reliability notes.", "reference"),
    ("Keeps promise 8.", "reference"),
    ("Keeps promises 1 and 2.", "reference"),
    ("Keeps its promise.", ""),
    ("Heals it (fault U26).", "reference"),
    ("Heals it (U17).", "reference"),
    ("D9: all is gone.", "reference"),
    ("Control characters (C0, C1) and S3, V2, %C3%BC, P95-like.", ""),
    ("See docs/protocol.md.", "reference"),
    ("See `reliability.md`.", "reference"),
    ("See design.md §3.", "reference"),
    ("See redesign.md and image-protocol.md.", ""),
])
def test_rules(tmp_path, comment, rules):
    found = offences(tmp_path, {"cache/a.h": f"int a;\n// {comment}\n"})
    assert [line.split(": ")[:2] for line in found] == [
        ["cache/a.h:2", rule] for rule in rules.split()]


@pytest.mark.parametrize("name", ["cache/design.md", "docs/design.md"])
def test_a_document_that_exists_is_no_offence(tmp_path, name):
    files = {"cache/a.h": f"// See {name}.\n", "docs/b.md": "See [design](design.md).\n"}
    assert offences(tmp_path, {**files, name: "# Design\n", "docs/design.md": ""}) == []
    assert len(offences(tmp_path / "other", files)) == 2


# --- Files


@pytest.mark.parametrize("file,text,lines", [
    ("a.cc", 'f("// What is it.");  // What is it.\n', [1]),
    ("a.cc", 'auto a = R"(\n// What is it.\n)"; char b = \'"\'; /* Reads it.\n * What is it. */\n',
     [4]),
    ("a.cc", "int What = 1, anew = 2;\n", []),
    ("a.cc", "// SPDX-License-Identifier: Apache-2.0\n// What is it.\n", [2]),
    ("a.cc", "// Tells the place. It is\n// Where it is.\n", []),
    ("a.cc", "// Tells the place.\n// Where it is.\n// Begins\n// anew.\n", [2, 4]),
    ("a.cc", "// Tells the place\n//\n// Where it is.\n", [3]),
    ("a.cc", "// Tells\n// - What it is.\nint a;  // size\n// Who has it.\nint b;\n", [2, 4]),
    ("a.cc", "int a;  // size of\nint b;  // Where it is.\n", [2]),
    ("a.cc", "int a;  ///< a size that\n        ///< Who has it.\n", []),
    ("a_test.cc", "TEST(Box, WhatIsLeftStays) {}\nTEST_F(Box, IsAnew) {}\nTEST_P(Anew, A) {}\n",
     [1, 2, 3]),
    ("a_test.cc", "TEST(Box, TellsWhatIsIt) {}\nTEST(Where, Works) {}\nTEST(Box, OfficeWorks) {}\n",
     []),
    ("test_a.py", 'def test_who_waits():\n    """Where it is."""\n    f("What is it.")\n', [1, 2]),
    ("test_a.py", "class TestWhatIsIt:\n    async def test_ends_anew(self):\n        f()  # anew\n",
     [1, 2, 3]),
    ("a.py", 'def what_is_left():\n    f(\n        """What is it.""")\n    b = "# anew"\n', []),
    ("a.py", '#!/usr/bin/python3\n# SPDX-License-Identifier: MIT\n"""Reads.\n\nWhat is it."""\n',
     [5]),
    ("a.sh", "#!/bin/sh\n# What is it.\necho \"a # anew\" 'a # anew' ${#anew} $#  # anew\n",
     [2, 3]),
    ("a.sh", "cat <<'EOF'\n# don't begin anew\nEOF\n# What is it.\n", [4]),
    ("CMakeLists.txt", "# What is it.\nadd_test(NAME a COMMAND \"# anew\")  # anew\n", [1, 2]),
    ("other.txt", "# What is it.\n", []),
    ("build/a.h", "// What is it.\n", []),
])
def test_files(tmp_path, file, text, lines):
    found = offences(tmp_path, {file: text, "empty.h": ""})
    assert [line.split(": ")[0] for line in found] == [f"{file}:{line}" for line in lines]


def test_markdown(tmp_path):
    found = offences(tmp_path, {"README.md": """\
# What it is
Where it is.

It reads. Where it
fails it begins
anew.

```
What is it.
```

- Of the list
  * Nobody reads it. **What is left** stays.

1. What is it?

| What | Tells |
|------|-------|
| size | Of all pages. Begins `anew` |
"""})
    assert found == [
        "README.md:1: start: What it is", "README.md:2: start: Where it is.",
        "README.md:4: start: Where it fails it begins anew.",
        "README.md:6: word: anew.", "README.md:12: start: Of the list",
        "README.md:13: start: Nobody reads it. **What is left** stays.",
        "README.md:13: start: What is left** stays.",
        "README.md:19: start: Of all pages. Begins `anew`"]


# --- The table


def test_the_table_holds_the_count_of_each_file(tmp_path):
    write(tmp_path, {"b.h": "// What is it.\n// Begins anew.\n", "a/c.h": "// Who is it.\n",
                     "d.h": "// Reads.\n", "tests/e.py": ""})
    assert run(tmp_path, "--update", "--force").returncode == 0
    assert (tmp_path / "tests/comment_words.txt").read_text() == (
        "# SPDX-License-Identifier: Apache-2.0\na/c.h\t1\nb.h\t2\n")
    done = run(tmp_path)
    assert done.returncode == 0 and done.stdout.startswith("4 files keep ")


def test_more_than_the_count_fails(tmp_path):
    write(tmp_path, {"a.h": "// What is it.\n// Begins anew.\n",
                     "tests/comment_words.txt": "a.h\t1\n"})
    done = run(tmp_path)
    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        "a.h:1: start: What is it. Begins anew.", "a.h:2: word: anew.",
        "a.h: 2 offences, tests/comment_words.txt allows 1"]


@pytest.mark.parametrize("text,count", [("// What is it.\n", 1), ("// Reads.\n", 0)])
def test_fewer_than_the_count_fails(tmp_path, text, count):
    write(tmp_path, {"a.h": text, "tests/comment_words.txt": "a.h\t2\n"})
    done = run(tmp_path)
    assert done.returncode == 1
    assert done.stdout == (f"lower the count of a.h to {count} "
                           "(tests/comment_words.py --update ROOT)\n")


def test_a_count_for_no_file_fails(tmp_path):
    write(tmp_path, {"a.h": "", "tests/comment_words.txt": "gone.h\t2\n"})
    done = run(tmp_path)
    assert done.returncode == 1 and done.stdout.startswith("lower the count of gone.h to 0 ")


def test_update_lets_the_total_grow_only_by_force(tmp_path):
    table = tmp_path / "tests/comment_words.txt"
    write(tmp_path, {"a.h": "// What is it.\n", "b.h": "// Begins anew.\n",
                     "tests/comment_words.txt": "old.h\t1\n"})
    done = run(tmp_path, "--update")
    assert done.returncode == 1 and "would grow from 1 to 2" in done.stdout
    assert table.read_text() == "old.h\t1\n"

    assert run(tmp_path, "--update", "--force").returncode == 0
    assert run(tmp_path).returncode == 0

    # The total stays where an offence moves with its file, and shrinks without --force.
    (tmp_path / "a.h").rename(tmp_path / "c.h")
    assert run(tmp_path).returncode == 1
    assert run(tmp_path, "--update").returncode == 0 and run(tmp_path).returncode == 0
    write(tmp_path, {"c.h": ""})
    assert run(tmp_path, "--update").returncode == 0
    assert table.read_text().endswith("2.0\nb.h\t1\n")
