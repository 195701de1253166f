# SPDX-License-Identifier: Apache-2.0
"""Parses C++ as far as code_size.py needs it: classes, function bodies and includes.

The parser reads tokens and knows no types. It skips comments, strings, preprocessor lines and the
annotations of metrics/mutex.h, and
reads the first branch of each #if (of `#if 0` the #else branch). It takes NAME(...) in capitals at
the start of a declaration for a macro, `Type name(...)` for a function, `(*name)` for a pointer. It
raises Unreadable for a bracket without a partner and for a declaration without an end.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

# --- Tokens -----------------------------------------------------------------------------------

TOKEN = re.compile(r"""
    (?P<blank>\s+|//(?:[^\n\\]|\\.)*|/\*.*?\*/|\\\n
             |\b(?:GUARDED_BY|REQUIRES(?:_SHARED)?|ENTREPOT_THREAD_ANNOTATION)\((?:[^()]|\([^()]*\))*\)
             |\bNO_THREAD_SAFETY_ANALYSIS\b)
  | (?P<directive>\#(?:/\*.*?\*/|[^\n\\]|\\.)*)
  | (?P<string>(?:u8|[uUL])?(?:R"(?P<mark>[^()\\\s]{0,16})\(.*?\)(?P=mark)"
                              |"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)+')(?:[A-Za-z_]\w*)?)
  | \.?\d(?:[eEpP][+-]|'?\w|\.)* | [A-Za-z_]\w*
  | <=>|->\*?|::|\.\.\.|&&|\|\||<<=?|[-+*/%&|^!=<>]=|\+\+|--|.
""", re.DOTALL | re.VERBOSE)
INCLUDE = re.compile(r'#\s*include\s*"([^"]+)"')
CONDITION = re.compile(r"#\s*(if|ifdef|ifndef|elif|else|endif)\b\s*(.*)")
MACRO = re.compile(r"[A-Z][A-Z0-9_]+")
NAME = re.compile(r"[A-Za-z_]\w*")
SPECIFIERS = ("alignas", "decltype", "explicit", "__attribute__")  # have a parenthesis
PAIRS = {"(": ")", "[": "]", "{": "}"}


class Unreadable(Exception):
    """Reports a source that the parser does not understand."""


@dataclass
class Tokens:
    """The tokens of one source with their lines, the partner of each bracket, and the includes."""
    texts: list[str] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    partner: dict[int, int] = field(default_factory=dict)
    includes: list[str] = field(default_factory=list)


class Conditions:
    """Selects the branches of #if, #elif and #else to read."""

    def __init__(self) -> None:
        self.reading: list[bool] = []
        self.taken: list[bool] = []  # a branch was read

    def change(self, directive: str) -> None:
        match = CONDITION.match(directive)
        if not match:
            return
        if match[1].startswith("if"):
            read = not (match[1] == "if" and match[2].strip() == "0")
            self.reading.append(read)
            self.taken.append(read)
        elif self.reading and match[1] == "endif":
            self.reading.pop()
            self.taken.pop()
        elif self.reading:
            self.reading[-1] = not self.taken[-1]
            self.taken[-1] = True

    def holds(self) -> bool:
        return all(self.reading)


def tokens_of(file: str, text: str) -> Tokens:
    tokens, conditions, line, open_brackets = Tokens(), Conditions(), 1, []
    for match in TOKEN.finditer(text):
        kind, token = match.lastgroup, match[0]
        if kind == "directive":
            conditions.change(token)
            if include := INCLUDE.match(token):
                tokens.includes.append(include[1])
        elif kind != "blank" and conditions.holds():
            if token in PAIRS:
                open_brackets.append(len(tokens.texts))
            elif token in (")", "]", "}"):
                begin = open_brackets.pop() if open_brackets else None
                if begin is None or PAIRS[tokens.texts[begin]] != token:
                    raise Unreadable(f"{file}:{line}: '{token}' closes nothing")
                tokens.partner[begin] = len(tokens.texts)
            tokens.texts.append('""' if kind == "string" else token)
            tokens.lines.append(line)
        line += token.count("\n")
    if open_brackets:
        begin = open_brackets[-1]
        raise Unreadable(f"{file}:{tokens.lines[begin]}: '{tokens.texts[begin]}' is never closed")
    return tokens


# --- Declarations -----------------------------------------------------------------------------

Names = tuple[str, ...]  # a qualified name: namespaces, classes, the name itself


@dataclass
class Class:
    path: Names
    file: str
    line: int
    is_local: bool  # in an unnamed namespace
    access: str
    members: int = 0
    methods: int = 0
    hidden: bool = False  # has data members that are not public

    def is_plain(self) -> bool:
        return self.methods == 0 and not self.hidden


@dataclass
class Function:
    path: Names
    file: str
    line: int
    lines: int


@dataclass
class Definition:
    """The definition of a member function outside of its class."""
    namespace: Names
    owner: Names  # the qualifiers in the source
    file: str


@dataclass
class Scope:
    path: Names = ()
    is_local: bool = False
    owner: Class | None = None  # None: a namespace or a function


class Parser:
    """Collects the classes, functions and definitions of one source.

    A function that reads a construct takes the index of its first token, and returns the index
    behind the construct.
    """

    def __init__(self, file: str, tokens: Tokens) -> None:
        self.file = file
        self.texts, self.lines, self.partner = tokens.texts, tokens.lines, tokens.partner
        self.classes: list[Class] = []
        self.functions: list[Function] = []
        self.definitions: list[Definition] = []

    def parse(self) -> Parser:
        try:
            self.scope(0, len(self.texts), Scope())
        except (IndexError, KeyError):
            raise Unreadable(f"{self.file}: cannot read a declaration") from None
        return self

    def scope(self, at: int, end: int, scope: Scope) -> None:
        while at < end:
            at = self.declaration(at, scope)

    def declaration(self, at: int, scope: Scope) -> int:
        texts = self.texts
        while texts[at] in ("template", "requires", "inline", "extern"):
            if texts[at] == "template":
                at = self.behind_angles(at + 1) or at + 1
            elif texts[at] == "requires":
                at = self.constraint(at + 1)
            elif texts[at:at + 3] == ["extern", '""', "{"]:
                self.scope(at + 3, self.partner[at + 2], scope)
                return self.partner[at + 2] + 1
            else:
                at += 1
        if texts[at] == ";":
            return at + 1
        if scope.owner and texts[at] in ("public", "protected", "private") and texts[at + 1] == ":":
            scope.owner.access = texts[at]
            return at + 2
        if texts[at] == "namespace":
            return self.namespace(at, scope)
        if texts[at] in ("using", "typedef", "static_assert", "concept"):
            return self.semicolon(at) + 1
        if (after := self.behind_macro(at, scope)) is not None:
            return after
        return self.declarator(at, scope)

    def namespace(self, at: int, scope: Scope) -> int:
        begin = at
        while self.texts[at] not in ("{", ";", "="):
            at = self.partner[at] + 1 if self.texts[at] == "[" else at + 1
        if self.texts[at] != "{":
            return self.semicolon(at) + 1
        names = tuple(name for name in self.texts[begin + 1:at] if NAME.fullmatch(name))
        self.scope(at + 1, self.partner[at],
                   Scope(scope.path + names, scope.is_local or not names))
        return self.partner[at] + 1

    def behind_macro(self, at: int, scope: Scope) -> int | None:
        """Skips the call of a macro that has no semicolon. None: there is no such call."""
        if (not MACRO.fullmatch(self.texts[at]) or self.texts[at + 1] != "("
                or self.texts[at] in scope.path[-1:]):
            return None
        after = self.partner[at + 1] + 1
        # TEST(Suite, Name) { ... } is a function.
        return None if self.texts[after:after + 1] == ["{"] else after

    def declarator(self, at: int, scope: Scope) -> int:
        """Reads a class, an enumeration, a function or variables."""
        texts, begin = self.texts, at
        name: list[str] = []  # the qualified name before `at`
        while True:
            token = texts[at]
            if token in ("class", "struct", "union", "enum"):
                at, ended = self.class_or_type(at, scope)
                if ended:
                    return at
            elif token == "operator":
                at, symbol = self.operator_name(at)
                name = [*name, symbol] if self.is_qualified(name) else [symbol]
                return self.function(at, begin, name, scope)
            elif token == "(":
                if texts[at - 1] in SPECIFIERS:
                    at = self.partner[at] + 1
                elif self.points(at + 1):
                    return self.variables(self.partner[at] + 1, begin, scope)
                else:
                    return self.function(at, begin, name, scope)
            elif token in ("=", "{", ":", ",", ";"):
                return self.variables(at, begin, scope)
            elif token == "[":
                at = self.partner[at] + 1
            elif token == "<":
                at = self.behind_angles(at) or at + 1
            else:
                if token == "~":
                    token, at = "~" + texts[at + 1], at + 1
                if token == "::":
                    name.append(token)
                elif NAME.fullmatch(token.lstrip("~")):
                    name = [*name, token] if self.is_qualified(name) else [token]
                else:
                    name = []
                at += 1

    @staticmethod
    def is_qualified(name: list[str]) -> bool:
        return len(name) > 1 and name[-1] == "::"

    def operator_name(self, at: int) -> tuple[int, str]:
        """Returns the index of the parameters of an operator, and its name."""
        begin = at + 1
        at = begin + 2 if self.texts[begin:begin + 2] == ["(", ")"] else begin
        while self.texts[at] != "(":
            at += 1
        return at, "operator" + "".join(self.texts[begin:at])

    def points(self, at: int) -> bool:
        """Tells whether the parenthesis holds `*name` or `Class::*name`."""
        while self.texts[at + 1] == "::":
            at += 2
        return self.texts[at] in ("*", "&", "&&")

    # --- Classes

    def class_or_type(self, at: int, scope: Scope) -> tuple[int, bool]:
        """Reads a definition or the name of a type. True: the declaration ends with it."""
        after, names, is_definition = self.class_head(at)
        if is_definition:
            end = self.partner[after]
            if self.texts[at] != "enum":
                self.class_body(at, after, names, scope)
            after = end + 1
        ended = self.texts[after] == ";"
        return after + ended, ended

    def class_head(self, at: int) -> tuple[int, Names, bool]:
        """Reads up to the brace of a definition (true) or behind the name of a type (false)."""
        texts, names = self.texts, []
        at += 2 if texts[at] == "enum" and texts[at + 1] in ("class", "struct") else 1
        while True:
            token = texts[at]
            if token == "{":
                return at, tuple(names), True
            if token == ":":
                while texts[at] not in ("{", ";"):
                    at = (self.behind_angles(at) or at + 1) if texts[at] == "<" else at + 1
                return at, tuple(names), texts[at] == "{"
            if token == "[":
                at = self.partner[at] + 1
            elif token == "alignas":
                at = self.partner[at + 1] + 1
            elif token == "<":
                at = self.behind_angles(at) or at + 1
            elif token == "::" or (token == "final" and names and texts[at + 1] in ("{", ":")):
                at += 1
            elif NAME.fullmatch(token) and (not names or texts[at - 1] == "::"
                                            or MACRO.fullmatch(names[-1])):
                names = [*names, token] if texts[at - 1] == "::" else [token]
                at += 1
            else:
                return at, tuple(names), False

    def class_body(self, begin: int, brace: int, names: Names, scope: Scope) -> None:
        end = self.partner[brace]
        found = Class(scope.path + (names or ("(unnamed)",)), self.file, self.lines[begin],
                      scope.is_local, "private" if self.texts[begin] == "class" else "public")
        self.scope(brace + 1, end, Scope(found.path, scope.is_local, found))
        if not names and self.texts[end + 1] == ";" and scope.owner:  # an anonymous union
            self.add_members(scope.owner, found.members)
        else:
            self.classes.append(found)

    @staticmethod
    def add_members(owner: Class, count: int) -> None:
        owner.members += count
        owner.hidden = owner.hidden or owner.access != "public"

    # --- Variables

    def variables(self, at: int, begin: int, scope: Scope) -> int:
        """Counts the variables of a declaration that starts at `begin`; `at`: behind a name."""
        texts, count = self.texts, 1
        specifiers = texts[begin:at]
        while texts[at] != ";":
            if texts[at] in PAIRS:
                at = self.partner[at]
            elif texts[at] == "<":
                after = self.behind_angles(at)
                at = after - 1 if after and texts[after] in ("(", "{", "::", ",", ";") else at
            elif texts[at] == ",":
                count += 1
            at += 1
        if scope.owner and "static" not in specifiers and "friend" not in specifiers:
            self.add_members(scope.owner, count)
        self.lambdas(begin, at, scope.path, scope)
        return at + 1

    def lambdas(self, at: int, end: int, path: Names, scope: Scope) -> None:
        """Measures lambdas outside of function bodies."""
        while at < end:
            if self.texts[at] == "[" and self.texts[at - 1] in ("=", "(", "{", ",", "return"):
                at = self.partner[at]
                while at < end and self.texts[at] not in ("{", ";", ",", ")", "}", "="):
                    at = self.partner[at] if self.texts[at] == "(" else at
                    at += 1
                if self.texts[at] == "{":
                    at = self.body(at, path + ("(lambda)",), scope)
                    continue
            at += 1

    # --- Functions

    def function(self, at: int, begin: int, name: list[str], scope: Scope) -> int:
        """Reads from the parameters on a function whose declaration starts at `begin`."""
        names = tuple(part for part in name if part != "::")
        is_friend = "friend" in self.texts[begin:at]
        if scope.owner and not is_friend:
            scope.owner.methods += 1
        head = at
        at, brace, is_default = self.function_end(self.partner[at] + 1)
        if brace is not None:
            self.lambdas(head, brace, scope.path + names, scope)
            at = self.body(brace, scope.path + names, scope)
            while at < len(self.texts) and self.texts[at] == "catch":
                at = self.partner[self.partner[at + 1] + 1] + 1
        if not scope.owner and len(names) > 1 and (brace is not None or is_default):
            self.definitions.append(Definition(scope.path, names[:-1], self.file))
        return at

    def function_end(self, at: int) -> tuple[int, int | None, bool]:
        """Reads up to the end of a declaration or the brace of a body; true: `= default`."""
        texts = self.texts
        while True:
            token = texts[at]
            if token == "{":
                return at, at, False
            if token in (";", ",", "="):
                return self.semicolon(at) + 1, None, texts[at:at + 2] == ["=", "default"]
            if token == ":":
                at = self.initialisers(at + 1)
            elif token in PAIRS:
                at = self.partner[at] + 1
            elif token == "<":
                at = self.behind_angles(at) or at + 1
            elif token == "requires":
                at = self.constraint(at + 1)
            else:
                at += 1

    def initialisers(self, at: int) -> int:
        """Reads the initialisers of a constructor."""
        while True:
            while self.texts[at] not in ("(", "{"):
                at = (self.behind_angles(at) or at + 1) if self.texts[at] == "<" else at + 1
            at = self.partner[at] + 1
            if self.texts[at] == "...":
                at += 1
            if self.texts[at] != ",":
                return at
            at += 1

    def body(self, brace: int, path: Names, scope: Scope) -> int:
        """Measures the body of a function and the classes in it."""
        end = self.partner[brace]
        first, last = self.lines[brace], self.lines[end]
        self.functions.append(Function(path, self.file, first, max(1, last - first - 1)))
        at, inside = brace + 1, Scope(path, scope.is_local)
        while at < end:
            if (self.texts[at] in ("class", "struct", "union")
                    and self.texts[at - 1] not in ("enum", "<", ",")):
                at, _ = self.class_or_type(at, inside)
            else:
                at += 1
        return end + 1

    # --- Pieces

    def semicolon(self, at: int) -> int:
        """Finds the semicolon that ends a declaration."""
        while self.texts[at] != ";":
            at = self.partner[at] + 1 if self.texts[at] in PAIRS else at + 1
        return at

    def behind_angles(self, at: int) -> int | None:
        """Skips template arguments. None: the token does not begin any."""
        if self.texts[at] != "<":
            return None
        depth = 0
        while at < len(self.texts):
            token = self.texts[at]
            if token == "<":
                depth += 1
            elif token == ">":
                depth -= 1
                if depth == 0:
                    return at + 1
            elif token in PAIRS:
                at = self.partner[at]
            elif token in (";", ")", "]", "}"):
                return None
            at += 1
        return None

    def constraint(self, at: int) -> int:
        """Reads the expression behind `requires`."""
        while True:
            while self.texts[at] in ("!", "requires"):
                at += 1
            if self.texts[at] == "(":
                at = self.partner[at] + 1
                if self.texts[at] == "{":
                    at = self.partner[at] + 1
            else:
                at = self.constraint_name(at)
            if self.texts[at] not in ("&&", "||"):
                return at
            at += 1

    def constraint_name(self, at: int) -> int:
        if self.texts[at] == "{":  # a requires expression without parameters
            return self.partner[at] + 1
        at += 1
        while self.texts[at] in ("::", "<"):
            at = (self.behind_angles(at) or at + 1) if self.texts[at] == "<" else at + 2
        return at
