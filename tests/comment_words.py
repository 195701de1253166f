#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks the wording of comments, of test names and of the documentation.

usage: comment_words.py ROOT             checks the files and exits 1 on an offence
       comment_words.py --update ROOT    rewrites ROOT/tests/comment_words.txt; --force lets its
                                         total grow

The script reads
  comments    in .h, .cc, .py, .sh and CMakeLists.txt files, and docstrings
  test names  TEST(Suite, Name) and its variants in C++; functions test_* and classes Test* in
              Python. Each name is one sentence; capitals and underscores separate its words.
  text        in .md files outside of code blocks
and reports
  start       a sentence that begins with a word of STARTS, unless it ends in "?". "Those" counts
              before a word of AFTER_THOSE only: "Those files" is allowed. The word has to begin
              with a capital (except in test names) and needs a second word after it.
  word        a word of WORDS, with and without capitals, outside of `code`
  reference   a document that the repository does not contain: a phrase of REFERENCES, the number of
              a fault (a letter and digits), or a file name of DOCUMENTS. A file name is allowed if
              its path exists, from ROOT or from the folder of the file that names it.

tests/comment_words.txt has a line "path<TAB>count" for each file with offences, sorted by path. The
check fails and prints the offences of a file that has more than its count. It also fails when a
file has fewer, so that the table follows the text downwards. A renamed file needs --update.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

TABLE = "tests/comment_words.txt"
HEADER = "# SPDX-License-Identifier: Apache-2.0\n"

STARTS = ("What", "Who", "Where", "Of", "Whoever", "Somebody", "Nobody", "Those")
AFTER_THOSE = ("that", "which", "who", "whom", "whose", "of", "with", "without", "in", "on", "at",
               "for", "from", "to", "by", "behind", "before", "after", "below", "above", "beside",
               "between", "outside", "inside", "there", "here")
WORDS = ("anew", "whoever", "somebody")
REFERENCES = (r"(?:protocol|reliability|design) notes", r"promises? \d+", r"fault list",
              # A fault. C0 and C1 are the sets of control characters.
              r"(?<![\w%/\\])(?!C[01]\b)[CDIPU]\d{1,2}(?![\w-])")
DOCUMENTS = ("protocol.md", "reliability.md", "design.md")

START = re.compile(rf"(?P<word>{'|'.join(STARTS)})\b(?P<next>[^\w.!?]+\w+)")
WORD = re.compile(rf"\b(?:{'|'.join(WORDS)})s?\b", re.IGNORECASE)
REFERENCE = re.compile("|".join(REFERENCES))
DOCUMENT = re.compile(rf"[\w./-]*(?<![\w-])(?:{'|'.join(map(re.escape, DOCUMENTS))})\b")
# The place at which a sentence begins, and the end of a sentence.
SENTENCE = re.compile(r"""(?:^|(?<=[.!?:])[)"'”]*\s+)[-*("'“\s]*(?=[A-Z])""")
SENTENCE_END = re.compile(r"""[.!?][)"'”]*(?:\s|$)""")
IGNORED = ("build", ".git", "__pycache__")


@dataclass
class Text:
    """A paragraph of a comment or of a document, or a test name: its lines with their numbers."""
    lines: list[tuple[int, str]]
    is_name: bool = False


@dataclass
class Offence:
    line: int
    rule: str
    found: str


# --- Texts ------------------------------------------------------------------------------------

CODE_OF_CC = re.compile(r"""
    (?P<comment>//(?:[^\n\\]|\\.)*|/\*.*?\*/)
  | (?:u8|[uUL])?(?:R"(?P<mark>[^()\\\s]{0,16})\(.*?\)(?P=mark)"|"(?:[^"\\\n]|\\.)*")
  | (?<![0-9A-Fa-f])'(?:[^'\\\n]|\\.)+'
""", re.DOTALL | re.VERBOSE)
CODE_OF_PY = re.compile(r"""
    (?P<comment>\#[^\n]*)
  | (?P<docstring>(?:\A|(?<=\n))[ \t]*[rR]?(?:\"{3}(?:[^\\]|\\.)*?\"{3}|'{3}(?:[^\\]|\\.)*?'{3}))
  | \"{3}(?:[^\\]|\\.)*?\"{3} | '{3}(?:[^\\]|\\.)*?'{3}
  | "(?:[^"\\\n]|\\.)*" | '(?:[^'\\\n]|\\.)*'
""", re.DOTALL | re.VERBOSE)
CODE_OF_SH = re.compile(r"""
    (?P<comment>(?:(?<=[\s;(])|\A)\#[^\n]*)
  | <<-?[ ]*(?P<quote>['"]?)(?P<mark>\w+)(?P=quote)[^\n]*\n.*?\n[ \t]*(?P=mark)(?=\n|\Z)
  | \\. | "(?:[^"\\]|\\.)*" | '[^']*'
""", re.DOTALL | re.VERBOSE)
CODE_OF_CMAKE = re.compile(r"""
    (?P<comment>\#\[(?P<mark>=*)\[.*?\](?P=mark)\]|\#[^\n]*)
  | \[(?P<other>=*)\[.*?\](?P=other)\] | "(?:[^"\\]|\\.)*"
""", re.DOTALL | re.VERBOSE)

NAMES_OF_CC = re.compile(r"^(?:TYPED_)?TEST(?:_F|_P)?\(\s*(\w+),\s*(\w+)\s*\)", re.MULTILINE)
NAMES_OF_PY = re.compile(r"^[ \t]*(?:async )?def test_(\w+)|^class Test(\w+)", re.MULTILINE)
MARKS = re.compile(r"^\s*(?://[/!]*<?|\#+(?!\[)|/\*+<?|\*+/?(?=\s|$)|[rR]?(?:\"{3}|'{3}))"
                   r"|\s*(?:\*/|\"{3}|'{3})\s*$")
FENCE = re.compile(r"^\s*(```|~~~)")


def is_argument(text: str, at: int) -> bool:
    """Tells whether the string at `at`, the first of its line, continues an expression."""
    return text[:at].rstrip()[-1:] in tuple("(,=[{+%\\")


def comment_lines(code: re.Pattern, text: str) -> Iterator[tuple[int, int, bool, str]]:
    """Yields the lines of comments: number, column, whether code precedes it, and content."""
    number, counted = 1, 0
    for match in code.finditer(text):
        comment = match["comment"] or match.groupdict().get("docstring")
        if comment is None or (not match["comment"] and is_argument(text, match.start())):
            continue
        number += text.count("\n", counted, match.start())
        counted = match.start()
        column = match.start() - text.rfind("\n", 0, match.start()) - 1
        has_code = bool(text[match.start() - column:match.start()].strip())
        for offset, line in enumerate(comment.split("\n")):
            yield number + offset, column, has_code and offset == 0, MARKS.sub("", line)


def comments(code: re.Pattern, text: str) -> Iterator[Text]:
    """Yields paragraphs. An empty line, code, a list item or another column ends a paragraph."""
    lines: list[tuple[int, str]] = []
    last_column = -1
    for number, column, has_code, line in comment_lines(code, text):
        continues = (lines and number == lines[-1][0] + 1 and not has_code
                     and column == last_column and not re.match(r"\s*[-*] ", line))
        is_head = (number == 1 and line.startswith("!")) or "SPDX-License-Identifier" in line
        is_text = bool(line.strip()) and not is_head
        if lines and not (continues and is_text):
            yield Text(lines)
            lines = []
        if is_text:
            lines.append((number, line))
        last_column = column
    if lines:
        yield Text(lines)


def names(pattern: re.Pattern, text: str) -> Iterator[Text]:
    for match in pattern.finditer(text):
        number = text.count("\n", 0, match.start()) + 1
        for name in filter(None, match.groups()):
            words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|_", " ", name)
            yield Text([(number, words[:1].upper() + words[1:])], is_name=True)


def paragraphs(text: str) -> Iterator[Text]:
    """Yields the paragraphs, list items, headings and table cells of a Markdown document."""
    lines: list[tuple[int, str]] = []
    fence = None
    for number, line in enumerate(text.split("\n"), 1):
        mark = FENCE.match(line)
        if mark and fence in (None, mark[1]):
            fence = mark[1] if fence is None else None
            line = ""
        is_code = fence is not None
        is_row = line.lstrip().startswith("|")
        begins = bool(re.match(r"\s*(?:[-*+]|\d+\.|#+|>)\s", line))
        if lines and (is_code or is_row or begins or not line.strip()):
            yield Text(lines)
            lines = []
        if is_row and not is_code:
            yield from (Text([(number, cell)]) for cell in line.split("|") if cell.strip())
        elif line.strip() and not is_code:
            lines.append((number, re.sub(r"^\s*(?:[-*+]|\d+\.|#+|>)\s+", "", line)))
            if line.startswith("#"):
                yield Text(lines)
                lines = []
    if lines:
        yield Text(lines)


def texts_of(path: Path) -> Iterator[Text]:
    text = path.read_text(errors="replace")
    if path.suffix in (".h", ".cc"):
        yield from comments(CODE_OF_CC, text)
        yield from names(NAMES_OF_CC, text)
    elif path.suffix == ".py":
        yield from comments(CODE_OF_PY, text)
        yield from names(NAMES_OF_PY, text)
    elif path.suffix == ".sh":
        yield from comments(CODE_OF_SH, text)
    elif path.name == "CMakeLists.txt":
        yield from comments(CODE_OF_CMAKE, text)
    elif path.suffix == ".md":
        yield from paragraphs(text)


# --- Rules ------------------------------------------------------------------------------------


def joined(text: Text) -> tuple[str, list[tuple[int, int]]]:
    """Returns the text as one line, and the offset and number of each of its lines."""
    whole, begins = "", []
    for number, line in text.lines:
        begins.append((len(whole), number))
        whole += line.strip() + " "
    return whole, begins


def mask_code(whole: str) -> str:
    """Overwrites `code` and keeps the length."""
    return re.sub(r"`[^`]*`", lambda code: "`" + "x" * (len(code[0]) - 2) + "`", whole)


def starts(whole: str, is_name: bool) -> Iterator[re.Match]:
    """Yields the first words of each offending sentence."""
    for sentence in SENTENCE.finditer(whole):
        match = START.match(whole, sentence.end())
        if not match:
            continue
        if match["word"] == "Those" and match["next"].strip().lower() not in AFTER_THOSE:
            continue
        end = SENTENCE_END.search(whole, match.end("word"))
        if is_name or not (end and end[0].startswith("?")):
            yield match


def exists(root: Path, path: Path, document: str) -> bool:
    return (root / document).is_file() or (path.parent / document).is_file()


def offences_in(root: Path, path: Path) -> list[Offence]:
    offences = []
    for text in texts_of(path):
        whole, begins = joined(text)
        masked = mask_code(whole)
        found = [("start", match) for match in starts(masked, text.is_name)]
        found += [("word", match) for match in WORD.finditer(masked)]
        found += [("reference", match) for match in REFERENCE.finditer(whole)]
        found += [("reference", match) for match in DOCUMENT.finditer(whole)
                  if not exists(root, path, match[0])]
        for rule, match in found:
            line = max(number for begin, number in begins if begin <= match.start())
            offences.append(Offence(line, rule, whole[match.start():match.start() + 60].strip()))
    return sorted(offences, key=lambda offence: offence.line)


# --- Table ------------------------------------------------------------------------------------


def is_read(path: Path) -> bool:
    return path.suffix in (".h", ".cc", ".py", ".sh", ".md") or path.name == "CMakeLists.txt"


def files_of(root: Path) -> list[Path]:
    tops = [top for top in sorted(root.iterdir()) if not top.name.startswith(IGNORED)]
    found = [path for top in tops for path in ([top] if top.is_file() else top.rglob("*"))]
    return sorted(path for path in found if is_read(path) and path.is_file())


def find(root: Path) -> dict[str, list[Offence]]:
    """Returns the offences of each file."""
    return {path.relative_to(root).as_posix(): offences_in(root, path) for path in files_of(root)}


def read_table(root: Path) -> dict[str, int]:
    path = root / TABLE
    if not path.is_file():
        return {}
    rows = [line.split("\t") for line in path.read_text().splitlines()
            if line and not line.startswith("#")]
    return {file: int(count) for file, count in rows}


def update(root: Path, found: dict[str, list[Offence]], force: bool) -> int:
    before = sum(read_table(root).values())
    after = sum(map(len, found.values()))
    if after > before and not force:
        print(f"the total of {TABLE} would grow from {before} to {after}: --force allows it")
        return 1
    rows = [f"{file}\t{len(offences)}\n" for file, offences in sorted(found.items()) if offences]
    (root / TABLE).write_text(HEADER + "".join(rows))
    print(f"the total of {TABLE} was {before} and is {after}")
    return 0


def check(found: dict[str, list[Offence]], table: dict[str, int]) -> list[str]:
    """Returns the offences of files past their counts, and a line for each count to lower."""
    problems = []
    for file in sorted({*found, *table}):
        offences, allowed = found.get(file, []), table.get(file, 0)
        if len(offences) > allowed:
            problems += [f"{file}:{offence.line}: {offence.rule}: {offence.found}"
                         for offence in offences]
            problems.append(f"{file}: {len(offences)} offences, {TABLE} allows {allowed}")
        elif len(offences) < allowed:
            problems.append(f"lower the count of {file} to {len(offences)} "
                            "(tests/comment_words.py --update ROOT)")
    return problems


def main(arguments: list[str]) -> int:
    options = [argument for argument in arguments if argument.startswith("--")]
    roots = [argument for argument in arguments if not argument.startswith("--")]
    if len(roots) != 1 or not set(options) <= {"--update", "--force"}:
        print(__doc__)
        return 2
    root = Path(roots[0]).resolve()
    found = find(root)
    assert found, f"no files below {root}"
    if "--update" in options:
        return update(root, found, "--force" in options)
    problems = check(found, read_table(root))
    print("\n".join(problems) or f"{len(found)} files keep to {TABLE}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
