#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Bounds the size of classes, functions, files and folders below metrics, conf, cache and proxy.

usage: code_size.py ROOT             prints the ten worst of each measure and each offence, and
                                     exits 1 on an offence
       code_size.py --update ROOT    rewrites OFFENDERS in this file; --force lets its sum grow

Measures of the .h and .cc files:
  members    Non-static data members of a class, struct or union. Each nested class has its own
             count; the members of an anonymous struct or union count for the class around it. The
             measure exempts plain aggregates and does not list them: types that declare public
             data members only and no member function.
  methods    Member functions that a class declares: constructors, the destructor, operators,
             templates, static functions, each overload. Functions that are `= delete` or
             `= default` count, and so do overrides that only forward a call. Friends and the
             functions of nested classes do not count.
  lines      Lines between the braces of a function body, at least 1. Comments, blank lines,
             lambdas and tables of data in the body count. Outside of bodies (initialisers, default
             arguments) each lambda is a function. Data at namespace scope is not measured.
  split      .cc files that define member functions of one class.
  sources    .h and .cc files in one folder, without its subfolders.
  rooms      Folders in the longest chain of includes below cache/ (cache/ itself is a folder).
  median     Lines of the median file.
Two measures have no bound and are printed only:
  file       Lines of a file.
  depth      Pairs in the longest chain of includes in cache/ that begins at this pair; a pair is
             NAME.h with NAME.cc.
In rooms and depth every member of a cycle of includes counts. The script prints the cycles.

OFFENDERS lists the names that are past a bound today. The check fails when a listed number grows.
It also fails when a listed number shrinks or comes within the bound, so that the table follows the
code downwards. Overloads and classes with the same name get #2, #3, ... in descending size.

cpp_parser.py says what the parser understands.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from statistics import median_high

from cpp_parser import Class, Definition, Function, Names, Parser, Unreadable, tokens_of

FOLDERS = ("metrics", "conf", "cache", "proxy")
ROOMS_OF = "cache"
OUTER_NAMESPACE = "entrepot"  # printed names leave it out

# Measure → the unit it counts and its bound; without a bound it is printed only.
MEASURES = {
    "members": ("data members", 20),
    "methods": ("member functions", 25),
    "lines": ("lines in the body", 40),
    "split": (".cc files with its member functions", 1),
    "sources": (".h and .cc files", 30),
    "rooms": ("folders in a chain of includes", 8),
    "median": ("lines in the median file", 90),
    "file": ("lines", None),
    "depth": ("pairs in a chain of includes", None),
}

# Measure → name → present number, past the bound. `--update` rewrites the table.
# OFFENDERS begin
OFFENDERS: dict[str, dict[str, int]] = {
}
# OFFENDERS end


# --- Measures ---------------------------------------------------------------------------------


@dataclass
class Item:
    """One measured thing."""
    name: str
    number: int
    place: str


def printed(path: Names) -> str:
    return "::".join(part for index, part in enumerate(path)
                     if index or part != OUTER_NAMESPACE)


def item_of(found: Class | Function, number: int) -> Item:
    return Item(printed(found.path), number, f"{found.file}:{found.line}")


def numbered(items: list[Item]) -> list[Item]:
    """Sorts by descending number, and appends #2, #3, ... to repeated names."""
    items.sort(key=lambda item: (-item.number, item.name, item.place))
    seen: dict[str, int] = {}
    for item in items:
        seen[item.name] = seen.get(item.name, 0) + 1
        if seen[item.name] > 1:
            item.name += f" #{seen[item.name]}"
    return items


def split_items(classes: list[Class], definitions: list[Definition]) -> list[Item]:
    """Counts the .cc files that define member functions of each class."""
    known = {(found.path, found.file if found.is_local else ""): found for found in classes}
    files: dict[tuple[Names, str], set[str]] = {}
    for definition in definitions:
        if not definition.file.endswith(".cc"):
            continue
        spaces = [definition.namespace[:length]
                  for length in range(len(definition.namespace), -1, -1)]
        keys = [(space + definition.owner, local)
                for space in spaces for local in (definition.file, "")]
        if key := next((key for key in keys if key in known), None):
            files.setdefault(key, set()).add(definition.file)
    return [Item(printed(key[0]), len(found), ", ".join(sorted(found)))
            for key, found in sorted(files.items())]


def cycles_of(graph: dict[str, set[str]]) -> list[list[str]]:
    """Returns the strongly connected components (Tarjan), each after the ones that it reaches."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    components = []

    def visit(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in sorted(graph[node]):
            if other not in index:
                visit(other)
            if other in stack:
                low[node] = min(low[node], low[other])
        if low[node] == index[node]:
            begin = stack.index(node)
            components.append(sorted(stack[begin:]))
            del stack[begin:]

    for node in sorted(graph):
        if node not in index:
            visit(node)
    return components


def chains_of(graph: dict[str, set[str]]) -> tuple[dict[str, int], list[list[str]]]:
    """Returns the length of the longest chain from each node, and the cycles."""
    length: dict[str, int] = {}
    components = cycles_of(graph)
    for component in components:
        further = [length[other] for node in component for other in graph[node]
                   if other not in component]
        for node in component:
            length[node] = len(component) + max(further, default=0)
    return length, [component for component in components if len(component) > 1]


def graph_of(includes: dict[str, list[str]],
             node_of: Callable[[str], str]) -> dict[str, set[str]]:
    """Returns the includes within ROOMS_OF; `node_of` maps a path to its node."""
    inside = {file for file in includes if file.startswith(ROOMS_OF + "/")}
    graph: dict[str, set[str]] = {node_of(file): set() for file in inside}
    for file in inside:
        for header in includes[file]:
            if header in inside and node_of(header) != node_of(file):
                graph[node_of(file)].add(node_of(header))
    return graph


@dataclass
class Tree:
    """The declarations, includes and lines of all sources."""
    classes: list[Class] = field(default_factory=list)
    functions: list[Function] = field(default_factory=list)
    definitions: list[Definition] = field(default_factory=list)
    includes: dict[str, list[str]] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)


def read(root: Path) -> Tree:
    tree = Tree()
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*")):
            if path.suffix not in (".h", ".cc"):
                continue
            file, text = path.relative_to(root).as_posix(), path.read_text()
            tokens = tokens_of(file, text)
            parsed = Parser(file, tokens).parse()
            tree.classes += parsed.classes
            tree.functions += parsed.functions
            tree.definitions += parsed.definitions
            tree.includes[file] = tokens.includes
            tree.lines[file] = len(text.splitlines())
    assert tree.lines, f"no sources below {root}"
    return tree


def measure(tree: Tree) -> tuple[dict[str, list[Item]], list[str]]:
    """Returns the items of each measure, largest first, and a line for each cycle."""
    folders: dict[str, int] = {}
    for file in tree.lines:
        folder = PurePosixPath(file).parent.as_posix()
        folders[folder] = folders.get(folder, 0) + 1
    rooms, room_cycles = chains_of(
        graph_of(tree.includes, lambda file: PurePosixPath(file).parent.as_posix()))
    pairs, pair_cycles = chains_of(
        graph_of(tree.includes, lambda file: PurePosixPath(file).with_suffix("").as_posix()))
    items = {
        "members": [item_of(found, found.members)
                    for found in tree.classes if not found.is_plain()],
        "methods": [item_of(found, found.methods) for found in tree.classes],
        "lines": [item_of(found, found.lines) for found in tree.functions],
        "split": split_items(tree.classes, tree.definitions),
        "sources": [Item(folder, count, folder) for folder, count in folders.items()],
        "rooms": [Item(room, length, room) for room, length in rooms.items()],
        "median": [Item("all", median_high(tree.lines.values()), f"{len(tree.lines)} files")],
        "file": [Item(file, count, file) for file, count in tree.lines.items()],
        "depth": [Item(pair, length, pair) for pair, length in pairs.items()],
    }
    items = {key: numbered(found) for key, found in items.items()}
    return items, [f"cycle of {len(cycle)}: {', '.join(cycle)}"
                   for cycle in room_cycles + pair_cycles]


# --- Bounds -----------------------------------------------------------------------------------


def check(items: dict[str, list[Item]], offenders: dict[str, dict[str, int]]) -> list[str]:
    """Returns a line for each number past its bound and for each entry that is out of date."""
    problems = []
    for key, (unit, bound) in MEASURES.items():
        if bound is None:
            continue
        table = dict(offenders.get(key, {}))
        for item in items[key]:
            problem = check_item(item, bound, table.pop(item.name, None), f'OFFENDERS["{key}"]')
            if problem:
                place = "" if item.place == item.name else f"{item.place}: "
                problems.append(f"{place}{item.name}: {item.number} {unit}, {problem}")
        problems += [f'{name}: does not exist: remove it from OFFENDERS["{key}"]'
                     for name in table]
    return problems


def check_item(item: Item, bound: int, entry: int | None, table: str) -> str | None:
    """Returns the offence of one number, or None."""
    if entry is None:
        return f"the bound is {bound}" if item.number > bound else None
    if item.number <= bound:
        return f"the bound is {bound}: remove it from {table}"
    if item.number > entry:
        return f"{table} says {entry}: an offender may only shrink"
    if item.number < entry:
        return f"{table} says {entry}: lower it to {item.number}"
    return None


def table_of(items: dict[str, list[Item]]) -> dict[str, dict[str, int]]:
    return {key: {item.name: item.number for item in items[key] if item.number > bound}
            for key, (_, bound) in MEASURES.items() if bound is not None}


def sum_of(table: dict[str, dict[str, int]]) -> int:
    return sum(number for entries in table.values() for number in entries.values())


def update(script: Path, table: dict[str, dict[str, int]], force: bool) -> int:
    """Writes the table into the script."""
    before, after = sum_of(OFFENDERS), sum_of(table)
    if after > before and not force:
        print(f"the sum of OFFENDERS would grow from {before} to {after}: --force allows it")
        return 1
    lines = ["OFFENDERS: dict[str, dict[str, int]] = {"]
    for key, entries in table.items():
        if entries:
            rows = [f"        {json.dumps(name)}: {entries[name]}," for name in sorted(entries)]
            lines += [f'    "{key}": {{', *rows, "    },"]
    text = "\n".join([*lines, "}"])
    begin, end = "# OFFENDERS begin\n", "\n# OFFENDERS end\n"
    head, rest = script.read_text().split(begin, 1)
    script.write_text(head + begin + text + end + rest.split(end, 1)[1])
    print(f"the sum of OFFENDERS was {before} and is {after}")
    return 0


def show(items: dict[str, list[Item]], cycles: list[str]) -> None:
    for key, (unit, bound) in MEASURES.items():
        print(f"{key}: {unit}" + ("" if bound is None else f", bound {bound}"))
        for item in items[key][:10]:
            place = "" if item.place == item.name else f"  {item.place}"
            print(f"{item.number:6}  {item.name}{place}")
    for cycle in cycles:
        print(cycle)


def main(arguments: list[str]) -> int:
    options = [argument for argument in arguments if argument.startswith("--")]
    roots = [argument for argument in arguments if not argument.startswith("--")]
    if len(roots) != 1 or not set(options) <= {"--update", "--force"}:
        print(__doc__)
        return 2
    try:
        items, cycles = measure(read(Path(roots[0]).resolve()))
    except Unreadable as problem:
        print(problem)
        return 1
    if "--update" in options:
        return update(Path(__file__), table_of(items), "--force" in options)
    show(items, cycles)
    problems = check(items, OFFENDERS)
    print("\n".join(problems) or f"{len(items['file'])} sources keep the bounds")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
