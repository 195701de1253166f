# SPDX-License-Identifier: Apache-2.0
"""code_size.py and its parser count what they say, and the check fails past each bound."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import code_size

SCRIPT = Path(__file__).with_name("code_size.py")
PARSER = Path(__file__).with_name("cpp_parser.py")


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def measured(root: Path, files: dict[str, str]) -> dict[str, dict[str, int]]:
    """Measure → name → number."""
    write(root, files)
    items, _ = code_size.measure(code_size.read(root))
    return {key: {item.name: item.number for item in found} for key, found in items.items()}


def problems(root: Path, files: dict[str, str], offenders=None) -> list[str]:
    write(root, files)
    items, _ = code_size.measure(code_size.read(root))
    return code_size.check(items, offenders or {})


def class_with(members: int = 0, methods: int = 1) -> str:
    return ("class Box {\n public:\n" + "".join(f"  void f{i}();\n" for i in range(methods))
            + " private:\n" + "".join(f"  int m{i}_ = {i};\n" for i in range(members)) + "};\n")


def lines(count: int) -> str:
    return "void work() {\n" + "  step();\n" * count + "}\n"


def split(count: int) -> dict[str, str]:
    return {"conf/box.h": class_with(methods=5),
            **{f"conf/box{i}.cc": f"void Box::f{i}() {{}}\n" for i in range(count)}}


def sources(count: int) -> dict[str, str]:
    return {f"proxy/http/file{i}.h": "" for i in range(count)}


def rooms(count: int) -> dict[str, str]:
    return {f"cache/room{i}/file.h": f'#include "cache/room{i + 1}/file.h"\n' for i in range(count)}


# Measure → the files whose number is the argument.
TREES = {
    "members": lambda number: {"conf/box.h": class_with(members=number)},
    "methods": lambda number: {"conf/box.h": class_with(methods=number)},
    "lines": lambda number: {"conf/work.cc": lines(number)},
    "split": split,
    "sources": sources,
    "rooms": rooms,
    "median": lambda number: {"conf/long.h": "\n" * number},
}
BOUNDS = {"members": 20, "methods": 25, "lines": 40, "split": 1, "sources": 30, "rooms": 8,
          "median": 90}


def test_every_bound_has_a_tree():
    assert {key: bound for key, (_, bound) in code_size.MEASURES.items() if bound} == BOUNDS
    assert set(TREES) == set(BOUNDS)


@pytest.mark.parametrize("key", TREES)
def test_the_bound_passes(tmp_path, key):
    assert problems(tmp_path, TREES[key](BOUNDS[key])) == []


@pytest.mark.parametrize("key", TREES)
def test_one_more_fails(tmp_path, key):
    found = problems(tmp_path, TREES[key](BOUNDS[key] + 1))
    assert found and all(f"{BOUNDS[key] + 1} " in line for line in found)
    assert any(f"the bound is {BOUNDS[key]}" in line for line in found)


# --- The table of offenders


@pytest.mark.parametrize("entry,number,said", [
    (25, 25, None),
    (25, 26, "26 data members, OFFENDERS[\"members\"] says 25: an offender may only shrink"),
    (25, 24, "24 data members, OFFENDERS[\"members\"] says 25: lower it to 24"),
    (25, 20, "20 data members, the bound is 20: remove it from OFFENDERS[\"members\"]"),
])
def test_an_offender_stays_or_shrinks_with_its_entry(tmp_path, entry, number, said):
    found = problems(tmp_path, {"conf/box.h": class_with(number)}, {"members": {"Box": entry}})
    assert found == ([f"conf/box.h:1: Box: {said}"] if said else [])


def test_an_entry_without_a_class_fails(tmp_path):
    found = problems(tmp_path, {"conf/box.h": class_with(1)}, {"members": {"Gone": 25}})
    assert found == ['Gone: does not exist: remove it from OFFENDERS["members"]']


# --- Classes


@pytest.mark.parametrize("body,members,methods", [
    ("int a; int b;", 2, 0),
    ("int a = 1, *b = nullptr, c[2] = {1, 2};", 3, 0),
    ("std::map<int, std::pair<int, int>> a{{1, {2, 3}}}, b;", 2, 0),
    ("std::function<void(int, int)> a = [](int x, int y) { f(x, y); };", 1, 0),
    ("bool a = 1 < 2, b = pair<int, int>{} == c;", 2, 0),
    ("bool a = 1 < 2, b = 3 > 2; bool c = 1 < 2; bool d = 3 > (2);", 4, 0),
    ("void (*a)(int) = nullptr; int (Box::*b)(int);", 2, 0),
    ("unsigned a : 3, b : 5 = 1;", 2, 0),
    ("mutable std::mutex a; struct stat b {}; const struct Other* c;", 3, 0),
    ("[[no_unique_address]] alignas(8) decltype(f()) a;", 1, 0),
    ("static int a; static constexpr int b = 1, c = 2; inline static int d{3};", 0, 0),
    ("enum class A : int { x, y }; enum { z } b; struct C; class D; enum E : int;", 1, 0),
    ("using A = int; typedef int B; static_assert(sizeof(A) == 4, \"x\"); friend C;", 0, 0),
    ("struct Inner { int x; int y; void f(); }; Inner a;", 1, 0),
    ("struct Inner { int x; } a, b; union { int c; float d; }; struct { int x; } e;", 5, 0),
    ("Box(); explicit Box(int a) : a_(a), b_{1} {} Box(const Box&) = delete; ~Box();", 0, 4),
    ("Box& operator=(Box&&) = default; bool operator()(int) const; operator bool() const;", 0, 3),
    ("bool operator<(const Box&) const; auto operator<=>(const Box&) const = default;", 0, 2),
    ("Box* operator->(); int operator[](int); void* operator new(std::size_t);", 0, 3),
    ("void f() override { other_->f(); } virtual int g() const noexcept(false) = 0;", 0, 2),
    ("static void f(int); void f(double); inline int g() { return 1; };", 0, 3),
    ("template <typename T, int N = (1 > 0)> void f(T (&a)[N]);", 0, 1),
    ("template <typename T> requires(!is_same<T, int>) && Other<T> int f(T a) { g(); }", 0, 1),
    ("template <typename T> int f(T) requires requires(T a) { a.b; } { return 1; }", 0, 1),
    ("auto f() const& -> std::vector<int> { return {}; } [[nodiscard]] int g() &&;", 0, 2),
    ("Box() try : a_(1), B<int>{2} { f(); } catch (...) { g(); } int a_;", 1, 1),
    ("friend bool operator==(const Box&, const Box&) = default; friend void f(Box&) { g(); }",
     0, 0),
    ("MACRO(a, b) int x; MACRO(c); /* int y; */ // int z;\n const char* s = \"}; int w;\";", 2, 0),
    ("const char* s = R\"x(}; \" int w; )\" )x\"; long n = 1'000; char c = '}';", 3, 0),
    ("\n#define M(x) int x; }\n\n#if A\n int a;\n#elif B\n int b;\n#else\n int c;\n#endif\n int d;",
     2, 0),
    ("\n#if 0\n int a; }\n#else\n int b;\n#endif\n", 1, 0),
    ("\n#if 0\n int a; }\n#elif A\n int b;\n#else\n int c;\n#endif\n", 1, 0),
])
def test_members_and_methods(tmp_path, body, members, methods):
    # The first function keeps the class from the exemption of plain aggregates.
    found = measured(tmp_path, {"conf/box.h": f"struct Box {{ void first(); {body} }};\n"})
    assert (found["members"]["Box"], found["methods"]["Box"]) == (members, methods + 1)


def test_plain_aggregates_are_not_listed(tmp_path):
    data = "".join(f"int m{i} = {i};" for i in range(30))
    found = measured(tmp_path, {"conf/a.h": (
        f"struct Values {{ {data} friend bool operator==(const Values&, const Values&); }};"
        f"struct Nested {{ {data} struct Inner {{ int a; void f(); }}; }};"
        f"struct WithMethod {{ {data} void f(); }};"
        f"struct WithPrivate {{ {data} private: int a; }};"
        f"class Private {{ {data} }};")})
    assert set(found["members"]) == {"WithMethod", "WithPrivate", "Private", "Nested::Inner"}


def test_names(tmp_path):
    found = measured(tmp_path, {"cache/a.cc": """
        namespace entrepot::cache {
        namespace { class Hidden { void f(); }; }
        inline namespace v1 { class Visible { class Inner { void f(); }; void g(); }; }
        struct Visible::Later final : Base<int>, Other { void f(); int a; };
        template <> struct std::hash<Visible> { int operator()(int) const; };
        extern "C" { struct Plain { void f(); }; }
        class EXPORT Exported { void f(); };
        struct alignas(64) Aligned { void f(); };
        enum class Color { red, green };
        }
        void f() { struct Local { void g() {} int x; }; [] { class Deep { int y; }; }(); }
        """})
    assert set(found["members"]) == {
        "cache::Hidden", "cache::v1::Visible", "cache::v1::Visible::Inner", "cache::Visible::Later",
        "cache::std::hash", "cache::Plain", "cache::Exported", "cache::Aligned",
        "f::Local", "f::Deep"}
    assert set(found["methods"]) == set(found["members"])


def test_the_same_name_gets_a_number(tmp_path):
    found = measured(tmp_path, {"conf/a.cc": "void f(int) {}\n" + lines(3).replace("work", "f")})
    assert found["lines"] == {"f": 3, "f #2": 1}


# --- Functions


@pytest.mark.parametrize("code,expected", [
    ("void f() {\n\n  // comment\n  g();\n}\n", {"f": 3}),
    ("void f() {}\nint g() { return 1; }\n", {"f": 1, "g": 1}),
    ("A::A(int a)\n    : a_(a),\n      b_{\n          1} {\n  g();\n  h();\n}\n", {"A::A": 2}),
    ("A::~A() {\n  g();\n  h();\n}\n", {"A::~A": 2}),
    ("A::operator bool() const {\n  g();\n  h();\n}\n", {"A::operatorbool": 2}),
    ("std::vector<int> A<int>::f(int (*g)(int), int b) const {\n  h();\n  i();\n}\n", {"A::f": 2}),
    ("bool A::operator()(int a) {\n  g();\n  h();\n}\n", {"A::operator()": 2}),
    ("template <typename T> requires A<T> && (sizeof(T) > 1) int f(T a) {\n  g();\n  h();\n}\n",
     {"f": 2}),
    ("auto f = [] {\n  g();\n  h();\n}();\nint x = 1;\n", {"(lambda)": 2}),
    ("A::A() : a_(1, [this] {\n  g();\n  h();\n}) {\n  i();\n}\n", 
     {"A::A::(lambda)": 2, "A::A": 1}),
    ("void f() {\n  const auto a = [] {\n    g();\n  };\n  a();\n}\n", {"f": 4}),
    ("TEST(Suite, Name) {\n  f();\n  g();\n}\n", {"TEST": 2}),
    ("int f(int);\nint a = 1;\nint b{2};\nint c[] = {\n  1,\n  2};\n", {}),
    ("struct A {\n  void f() {\n    g();\n    h();\n  }\n  friend void i(A) {\n    g();\n  }\n};\n",
     {"A::f": 2, "A::i": 1}),
    ("void f() {\n  struct L {\n    void g() {\n      h();\n      i();\n    }\n  };\n}\n",
     {"f": 6, "f::L::g": 2}),
])
def test_lines_of_functions(tmp_path, code, expected):
    assert measured(tmp_path, {"conf/a.cc": code})["lines"] == expected


# --- Files and folders


def test_each_class_counts_its_own_files(tmp_path):
    found = measured(tmp_path, {
        "conf/a.h": "namespace entrepot { struct A { void f(); void g(); struct B { void f(); }; };"
                    "template <typename T> struct C { ~C(); void f(); };"
                    "namespace log { void f(); } }",
        "conf/a.cc": "namespace entrepot { void A::f() {} void log::f() {}"
                     "template <typename T> C<T>::~C() = default; }",
        "conf/b.cc": "namespace entrepot { void A::B::f() {} void log::g() {}"
                     "template <typename T> void C<T>::f() {} }",
        "conf/c.cc": "namespace { struct Own { void f(); }; void Own::f() {} }"
                     "void entrepot::A::g() {}",
        "conf/d.cc": "namespace { struct Own { void f(); }; void Own::f() {} } int A::x = 1;",
        "conf/e.h": "namespace entrepot { inline void A::B::g() {} }"})
    assert found["split"] == {"A": 2, "A::B": 1, "C": 2, "Own": 1, "Own #2": 1}


def test_folders_are_not_recursive(tmp_path):
    found = measured(tmp_path, {"cache/a.h": "", "cache/a.cc": "", "cache/b/a.h": "",
                                "cache/c.txt": "", "tests/a.h": ""})
    assert found["sources"] == {"cache": 2, "cache/b": 1}
    assert set(found["file"]) == {"cache/a.h", "cache/a.cc", "cache/b/a.h"}


def test_chains_of_rooms_and_pairs(tmp_path):
    found = measured(tmp_path, {
        "cache/top.cc": '#include "cache/store/a.h"\n#include "metrics/log.h"\n',
        "cache/store/a.h": '#include <vector>\n#include "cache/store/b.h"\n',
        "cache/store/b.cc": '#include "cache/store/b.h"\n#include "cache/base/c.h"\n',
        "cache/store/b.h": '// #include "cache/top.h"\n',
        "cache/base/c.h": '#include "cache/gone.h"\n',
        "metrics/log.h": ""})
    assert found["rooms"] == {"cache": 3, "cache/store": 2, "cache/base": 1}
    assert found["depth"] == {"cache/top": 4, "cache/store/a": 3, "cache/store/b": 2,
                              "cache/base/c": 1}


def test_cycles_are_counted_and_printed(tmp_path):
    write(tmp_path, {"cache/a.h": '#include "cache/b.h"\n', "cache/b.cc": '#include "cache/a.h"\n',
                     "cache/b.h": "", "cache/c.h": '#include "cache/a.h"\n'})
    items, cycles = code_size.measure(code_size.read(tmp_path))
    assert {item.name: item.number for item in items["depth"]} == {
        "cache/a": 2, "cache/b": 2, "cache/c": 3}
    assert cycles == ["cycle of 2: cache/a, cache/b"]


# --- The script


@pytest.fixture(name="script")
def script_without_offenders(tmp_path) -> Path:
    script = tmp_path / "script" / "code_size.py"
    script.parent.mkdir()
    shutil.copy(PARSER, script.parent)
    script.write_text(re.sub(r"(?<=# OFFENDERS begin\n).*(?=\n# OFFENDERS end)",
                             "OFFENDERS: dict[str, dict[str, int]] = {\n}", SCRIPT.read_text(),
                             flags=re.DOTALL))
    return script


def run(script: Path, *arguments) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-B", str(script), *map(str, arguments)],
                          capture_output=True, text=True, check=False)


def test_the_script_prints_the_ten_worst_and_fails(tmp_path, script):
    tree = tmp_path / "tree"
    write(tree, {f"conf/long{i:02}.cc": lines(i).replace("work", f"work{i}") for i in range(12)})
    done = run(script, tree)
    assert done.returncode == 0 and done.stdout.endswith("12 sources keep the bounds\n")
    assert "    11  work11  conf/long11.cc:1\n" in done.stdout
    assert " work2 " in done.stdout and " work1 " not in done.stdout

    write(tree, {"conf/long.cc": lines(41)})
    done = run(script, tree)
    assert done.returncode == 1
    assert "conf/long.cc:1: work: 41 lines in the body, the bound is 40\n" in done.stdout


def test_update_writes_the_table_which_grows_only_by_force(tmp_path, script):
    tree = tmp_path / "tree"
    write(tree, {"conf/long.cc": lines(41)})
    done = run(script, "--update", tree)
    assert done.returncode == 1 and "would grow from 0 to 41" in done.stdout
    assert run(script, "--update", "--force", tree).returncode == 0
    assert '    "lines": {\n        "work": 41,\n    },\n' in script.read_text()
    assert run(script, tree).returncode == 0

    write(tree, {"conf/long.cc": lines(40)})
    assert "remove it from OFFENDERS" in run(script, tree).stdout
    assert run(script, "--update", tree).returncode == 0
    assert run(script, tree).returncode == 0 and '"work"' not in script.read_text()


@pytest.mark.parametrize("code,said", [
    ("void f() {\n", "conf/a.cc:1: '{' is never closed"),
    ("void f() {\n}}\n", "conf/a.cc:2: '}' closes nothing"),
    ("int a\n", "conf/a.cc: cannot read a declaration"),
])
def test_an_unreadable_source_fails(tmp_path, script, code, said):
    write(tmp_path / "tree", {"conf/a.cc": code})
    done = run(script, tmp_path / "tree")
    assert done.returncode == 1 and done.stdout == said + "\n"
