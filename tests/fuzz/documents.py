# SPDX-License-Identifier: Apache-2.0
"""Mutations of the content of an answer: JSON documents, numbers, URLs, challenges and links. Each
is a function of a random generator and the valid text.

No text names a host beyond this machine: an authority is a literal address of loopback, or a text
that needs no resolver.
"""

from __future__ import annotations

import json
import random

NUMBERS = ["0", "-1", "+5", "1e3", "0x10", "", " ", "1,1", "5, 6", "00000012", "1_000", "1.5", "٣",
           "2147483648", "4294967296", "9223372036854775807", "9223372036854775808",
           "18446744073709551615", "18446744073709551616", "99999999999999999999999"]
SCALARS = [None, True, False, 0, -1, 2**53, 2**63, 2**64, 1e308, -0.0, 0.5, "", " ", "a" * 300,
           "a" * 70_000, "\0", "\x1b[31m", "‮", "\ud800", "../..", "sha256:", "%s%n",
           "sha256:" + "0" * 64, "sha256:" + "G" * 64, "sha512:" + "0" * 128, "text/html", [], {}]
BYTES = [b"", b"\0", b"\r", b"\n", b"\r\n", b"\t", b" ", b"\x7f", b"\x80", b"\xff", b"\xc3\x28",
         b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\"", b"\\", b",", b";", b"{", b"[", b"0" * 40, b"A" * 9000]


def number(rng: random.Random, true: int | None = None) -> str:
    """A number that is wrong, or nearly right."""
    if true is not None and rng.random() < 0.4:
        return str(max(0, true + rng.choice((-1, 1, -100, 100, true, 1 << 20, 1 << 32))))
    return rng.choice(NUMBERS)


def digest(rng: random.Random, others: list[str]) -> str:
    return rng.choice([*others, "sha256:" + rng.randbytes(32).hex(), "sha256:" + "0" * 64,
                       "SHA256:" + "0" * 64, "sha512:" + "0" * 128, "sha256:", "md5:" + "0" * 32,
                       "sha256:" + "0" * 63, "sha256:" + "A" * 64, "latest", "", "../" * 20,
                       "sha256:" + "0" * 5000])


def noise(rng: random.Random, data: bytes) -> bytes:
    """Flips, inserts, or removes bytes."""
    out = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 3, 20))):
        at = rng.randrange(len(out) + 1)
        kind = rng.randrange(4)
        if kind == 0 and at < len(out):
            out[at] ^= 1 << rng.randrange(8)
        elif kind == 1 and at < len(out):
            out[at] = rng.randrange(256)
        elif kind == 2:
            out[at:at] = rng.choice(BYTES)
        else:
            del out[at:at + rng.choice((1, 1, 2, 16))]
    return bytes(out)


# JSON.

MOST = 512 * 1024  # bytes that a repetition may make


def _places(value, found: list) -> list:
    """(container, key) of every value below."""
    items = value.items() if isinstance(value, dict) else (
        enumerate(value) if isinstance(value, list) else ())
    for key, below in items:
        found.append((value, key))
        _places(below, found)
    return found


def _deep(rng: random.Random, innermost):
    for _ in range(rng.choice((2, 30, 31, 32, 33, 64, 65))):
        innermost = [innermost] if rng.random() < 0.5 else {"a": innermost}
    return innermost


def _scalar_at(holder, key):
    value = holder[key]
    return "x" if isinstance(value, (dict, list)) else value


def _change_value(rng: random.Random, document) -> None:
    places = _places(document, [])
    if not places:
        return
    holder, key = rng.choice(places)
    kind = rng.randrange(5)
    if kind == 0:
        del holder[key]
    elif kind == 1:
        holder[key] = rng.choice(SCALARS)
    elif kind == 2:
        holder[key] = _scalar_at(*rng.choice(places))
    elif kind == 3:
        holder[key] = _deep(rng, holder[key])
    elif isinstance(holder, dict):
        holder[rng.choice(("", key + "x", key.upper(), "mediaType", "manifests", "subject",
                           "urls", "annotations", "tags", "token"))] = rng.choice(SCALARS)


def _repeat_value(rng: random.Random, document) -> None:
    """Repeats one of the values many times, up to about half a megabyte."""
    places = _places(document, [])
    if not places:
        return
    holder, key = rng.choice(places)
    size = len(json.dumps(holder[key])) + 1
    count = min(rng.choice((1, 2, 100, 3000, 20_000)), MOST // size)
    if isinstance(holder, list):
        holder.extend([holder[key]] * count)
    else:
        holder[key] = [holder[key]] * count


def _serialised(rng: random.Random, document) -> bytes:
    separators = rng.choice(((",", ":"), (", ", ": "), (" , \r\n\t", " : ")))
    text = json.dumps(document, ensure_ascii=rng.random() < 0.5, separators=separators)
    return text.encode("utf-8", "surrogatepass")


def _twice(rng: random.Random, data: bytes) -> bytes:
    """Adds the keys of the outermost object again, with a changed value."""
    other = json.loads(data)
    if not isinstance(other, dict) or not other:
        return data
    _change_value(rng, other)
    first, second = (data, _serialised(rng, other))[::rng.choice((1, -1))]
    return first.rstrip()[:-1] + b"," + second.strip()[1:]


def _text_of(rng: random.Random, data: bytes) -> bytes:
    return rng.choice((
        lambda: data[:rng.randrange(len(data) + 1)],
        lambda: noise(rng, data),
        lambda: b"\xef\xbb\xbf" + data,
        lambda: data + rng.choice((b"\0", b"}", b" {}", data, b"\n" * 5000)),
        lambda: b" " * rng.choice((1, 70_000)) + data,
        lambda: data.replace(b": ", rng.choice((b":", b": 1e999 , \"x\": ", b": NaN, \"x\": "))),
        lambda: rng.choice((b"", b"null", b"[]", b"{}", b"0", b"\"\"", b"[" * 100_000,
                            b"{\"a\":" * 20_000, b"<html></html>", b"\x1f\x8b\x08\0" + data))))()


def json_document(rng: random.Random, data: bytes) -> bytes:
    kind = rng.random()
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):  # an earlier mutation has been here
        kind = 1.0
    if kind < 0.55:
        for _ in range(rng.choice((0, 1, 1, 2, 5))):
            _change_value(rng, document)
        if rng.random() < 0.2:
            _repeat_value(rng, document)
        return _serialised(rng, document)
    if kind < 0.65:
        return _twice(rng, data)
    return _text_of(rng, data)


# URLs, challenges, links.

def _authorities(rng: random.Random, authority: str) -> str:
    """Ways to write an address of this machine, and invalid addresses."""
    port = authority.rpartition(":")[2]
    return rng.choice((
        f"127.1:{port}", f"2130706433:{port}", f"0x7f000001:{port}", f"0177.0.0.1:{port}",
        f"0.0.0.0:{port}", f"[::1]:{port}", f"[::ffff:127.0.0.1]:{port}", f"[::1:{port}",
        f"user:secret@{authority}", f"@{authority}", f"{authority}@{authority}",
        "127.0.0.1:1", "127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:x", "127.0.0.1:",
        ":80", f"{authority}\\", f"{authority}#", f"{authority}?", "[v1.a]", "127.0.0.1%00.1"))


def url(rng: random.Random, true: str) -> str:
    """`true` is http://authority/path."""
    scheme, _, rest = true.partition("://")
    authority, _, path = rest.partition("/")
    return rng.choice((
        lambda: f"{scheme}://{_authorities(rng, authority)}/{path}",
        lambda: rng.choice(("HTTP", "https", "ftp", "file", "gopher", "http+unix", "javascript",
                            "")) + f"://{authority}/{path}",
        lambda: f"/{path}",
        lambda: f"//{authority}/{path}",
        lambda: rng.choice(("", ".", "..", "/", "?", "#", "?a", "#a", ":", "http:", "http:/",
                            "http://", "*")),
        lambda: true + rng.choice(("%00", "%", "%zz", " ", "\t", "\\", "/../" * 30, "?" * 50, "#x",
                                   "\xe9", "<>", "'\"")),
        lambda: true + rng.choice("?&/a") + "a" * rng.choice((100, 2000, 8000, 20_000)),
        lambda: true + "?" + "%25" * rng.choice((1000, 5000)),
        lambda: f" {true} ",
        lambda: f"{true}, {true}"))()


def challenge(rng: random.Random, true: str) -> str:
    """`true` is Bearer realm="URL",service="…",scope="…"."""
    realm = true.partition('realm="')[2].partition('"')[0] or "http://127.0.0.1:1/token"
    long = rng.choice("a%\\\"/ ,=") * rng.choice((300, 4000, 4096, 4097, 9000))
    return rng.choice((
        lambda: f'Bearer realm="{url(rng, realm)}",service="s",scope="repository:library/app:pull"',
        lambda: f'Bearer realm="{realm}",service="{long}"',
        lambda: f'Bearer realm="{realm}",service="{long}",scope="{long}"',
        lambda: f'Bearer realm="{realm}",scope="{long}"',
        lambda: f'Bearer realm="{realm}"',
        lambda: f"Bearer realm={realm}",
        lambda: f'Bearer service="s", realm = "{realm}" , x=y',
        lambda: f'Basic realm="x", {true}',
        lambda: f'{true}, Basic realm="x"',
        lambda: ", ".join([true] * rng.choice((2, 17, 100))),
        lambda: ",".join(f'a{n}="b"' for n in range(40)) + "," + true,
        lambda: true.replace('"', rng.choice(("", "'", '\\"', '""'))),
        lambda: true[:rng.randrange(len(true))],
        lambda: rng.choice(("", "Bearer", "Basic", "Negotiate", "Digest realm=\"x\"", ",,,", "=",
                            "Bearer =", "Bearer realm", "Bearer realm=\"\"", "bearer\trealm=x")),
        lambda: true.replace("Bearer", rng.choice(("bEaReR", "Bearer ", "NTLM", "\xe9"))),
        lambda: true + ',realm="http://127.0.0.1:1/"'))()


def link(rng: random.Random, path: str) -> str:
    """A link to the next page. `path` is that of the page itself, so a link may name its own
    page."""
    target = rng.choice((
        lambda: path, lambda: path + ("&" if "?" in path else "?") + f"last={rng.random()}",
        lambda: url(rng, "http://127.0.0.1:1" + path), lambda: "http://127.0.0.1:1" + path,
        lambda: "", lambda: "?last=a", lambda: "?last=" + "a" * 20_000, lambda: "../tags/list"))()
    return rng.choice((
        f'<{target}>; rel="next"', f"<{target}>; rel=next", f'<{target}>;rel="prev next"',
        f'<{target}>; rel="prev", <{target}>; rel="next"', f'<{target}; rel="next"',
        f'{target}; rel="next"', f'<{target}>; rel="next', f'<{target}>; a="\\"; rel="next"',
        ", ".join([f'<{target}>; rel="x"'] * 50), f'<{target}>' + ";" * 5000 + 'rel="next"'))
