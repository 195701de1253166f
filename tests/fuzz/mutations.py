# SPDX-License-Identifier: Apache-2.0
"""Mutations of an upstream's answer: its status line, fields, framing, body, and timing."""

from __future__ import annotations

import gzip
import random
import re
from typing import Callable

from support.wire import Request

from . import documents
from .answer import Answer, chunk

Mutation = Callable[[random.Random, Answer, Request, list], None]
_ALL: list[tuple[float, Mutation]] = []


def mutation(weight: float):
    def register(function: Mutation) -> Mutation:
        _ALL.append((weight, function))
        return function
    return register


def spoil(rng: random.Random, answer: Answer, request: Request, digests: list[str]) -> list[str]:
    """Applies one to three; returns their names."""
    chosen = rng.choices([one for _, one in _ALL], [weight for weight, _ in _ALL],
                         k=rng.choice((1, 1, 1, 1, 2, 2, 3)))
    for one in chosen:
        one(rng, answer, request, digests)
    return [one.__name__ for one in chosen]


# The status line.

_CODES = [100, 101, 102, 103, 199, 200, 201, 202, 203, 204, 205, 206, 207, 226, 300, 301, 302, 303,
          304, 305, 307, 308, 399, 400, 401, 402, 403, 404, 405, 406, 407, 408, 409, 410, 412, 413, 416,
          417, 421, 426, 428, 429, 431, 451, 499, 500, 501, 502, 503, 504, 505, 508, 511, 599]


@mutation(3)
def other_status(rng, answer, _request, _digests):
    answer.line = b"HTTP/1.1 %d Mutated" % rng.choice(_CODES)


@mutation(1)
def odd_status_line(rng, answer, _request, _digests):
    status = answer.status
    answer.line = rng.choice((
        b"HTTP/1.0 " + status + b" OK", b"HTTP/1.1 " + status, b"HTTP/1.1 " + status + b" ",
        b"HTTP/1.1  " + status, b"HTTP/2 " + status, b"HTTP/0.9 " + status, b"HTTP/1.9 " + status,
        b"http/1.1 " + status, b"ICY " + status + b" OK", b"HTTP/1.1 20", b"HTTP/1.1 2000 OK",
        b"HTTP/1.1 -200 OK", b"HTTP/1.1 000 OK", b"HTTP/1.1 600 OK", b"HTTP/1.1 999 OK", b"HTTP/1.1",
        b"HTTP/1.1\t" + status + b"\tOK", b"\r\nHTTP/1.1 " + status + b" OK", b"", b"<!doctype html>",
        b"HTTP/1.1 " + status + b" " + b"r" * rng.choice((300, 70_000)), b"HTTP/1.1 " + status + b" \xff\0",
        b"\0" * 50, b"SSH-2.0-x", b"\x16\x03\x01\x02\0"))


@mutation(2)
def interim_answers(rng, answer, _request, _digests):
    one = rng.choice((b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 102 Processing\r\n\r\n",
                      b"HTTP/1.1 103 Early Hints\r\nLink: </x>; rel=preload\r\n\r\n",
                      b"HTTP/1.1 100 Continue\r\nContent-Length: 5\r\n\r\n",
                      b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
                      b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n",
                      b"HTTP/1.1 199 Odd\r\nDocker-Content-Digest: sha256:0\r\n\r\n"))
    answer.interim += one * rng.choice((1, 1, 2, 19, 20, 21, 500))


# Fields.

_NAMES = [b"Content-Length", b"Content-Range", b"Content-Type", b"Docker-Content-Digest", b"ETag",
          b"Location", b"WWW-Authenticate", b"Link", b"Retry-After", b"RateLimit-Limit",
          b"RateLimit-Remaining", b"Transfer-Encoding", b"Content-Encoding", b"Connection", b"Trailer",
          b"Upgrade", b"Via", b"Age", b"Date", b"Cache-Control", b"Cache-Status", b"Warning",
          b"Accept-Ranges", b"Docker-Distribution-Api-Version", b"OCI-Subject", b"OCI-Filters-Applied",
          b"Set-Cookie", b"Content-Location", b"Content-Disposition", b"Vary"]


def _hostile_value(rng, name: bytes, answer: Answer, request: Request, digests: list[str]) -> bytes:
    size = len(answer.body)
    if name == b"Content-Length":
        text = documents.number(rng, size)
    elif name == b"Content-Range":
        text = _content_range(rng, answer, size)
    elif name in (b"Docker-Content-Digest", b"ETag", b"OCI-Subject"):
        text = documents.digest(rng, digests)
        text = rng.choice((f'"{text}"', f'W/"{text}"', text)) if name == b"ETag" else text
    elif name == b"Location":
        true = (answer.value(name) or b"").decode("latin-1")
        text = documents.url(rng, true or f"http://{request.header('Host')}{request.target}")
    elif name == b"WWW-Authenticate":
        text = documents.challenge(rng, (answer.value(name) or b"Bearer").decode("latin-1"))
    elif name == b"Link":
        text = documents.link(rng, request.target)
    elif name in (b"Retry-After", b"RateLimit-Limit", b"RateLimit-Remaining", b"Age"):
        text = rng.choice((documents.number(rng), "1", "100;w=21600", "0;w=1", "5;w=-1",
                           "Fri, 31 Dec 9999 23:59:59 GMT", "Thu, 01 Jan 1970 00:00:00 GMT", "soon"))
    else:
        text = rng.choice((
            "chunked", "gzip", "identity", "chunked, chunked", "gzip, chunked", "xchunked", "close",
            "keep-alive", "upgrade", "Content-Length", "br", "bytes", "none", "text/html",
            "image/svg+xml", "application/json", "application/vnd.oci.image.manifest.v1+json",
            "application/vnd.oci.image.index.v1+json", "application/json; charset=\"utf-8", "*/*", "/",
            "application/octet-stream", "no-store", "max-age=-1", "1.1 x" * 40, "h2c", "a=b; Path=/"))
    # A mirror sends requests to this machine alone: no host but those that documents.py writes.
    return text.encode("utf-8", "surrogatepass").replace(b"\r", b"").replace(b"\n", b"")


def _content_range(rng, answer: Answer, size: int) -> str:
    true = re.fullmatch(rb"bytes (\d+)-(\d+)/(\d+)", answer.value(b"Content-Range") or b"")
    first, last, whole = (int(number) for number in true.groups()) if true else (0, size - 1, size)
    changed = [first, last, whole]
    changed[rng.randrange(3)] += rng.choice((-1, 1, -65_536, 65_536, 1 << 32, size))
    return rng.choice((
        "bytes {}-{}/{}".format(*changed), f"bytes {first}-{last}/*", f"bytes */{whole}",
        f"bytes {last}-{first}/{whole}", f"{first}-{last}/{whole}", f"bytes={first}-{last}/{whole}",
        f"octets {first}-{last}/{whole}", f"bytes {first}-{last}/{documents.number(rng, whole)}",
        f"bytes {documents.number(rng, first)}-{last}/{whole}", "bytes", "", "bytes 0-0/1",
        f"bytes {first} - {last} / {whole}"))


@mutation(6)
def hostile_field(rng, answer, request, digests):
    name = rng.choice([*_NAMES, *[key for key, _ in answer.fields]])
    value = _hostile_value(rng, name, answer, request, digests)
    if rng.random() < 0.6:
        answer.put(name, value)
    else:  # beside the one that is there, in front of it or behind
        answer.fields.insert(rng.choice((0, len(answer.fields))), (name, value))


@mutation(3)
def hostile_guidance(rng, answer, request, digests):
    """The field that names the next place, if there is one."""
    for name in (b"Location", b"WWW-Authenticate", b"Link", b"Content-Range"):
        if answer.value(name) is not None:
            answer.put(name, _hostile_value(rng, name, answer, request, digests))


@mutation(2)
def dropped_field(rng, answer, _request, _digests):
    if answer.fields:
        del answer.fields[rng.randrange(len(answer.fields))]


@mutation(1)
def doubled_field(rng, answer, _request, _digests):
    if answer.fields:
        name, value = rng.choice(answer.fields)
        answer.fields += [(rng.choice((name, name.upper(), name.lower())), value)
                          for _ in range(rng.choice((1, 1, 2, 60)))]


@mutation(1)
def oversized_fields(rng, answer, _request, _digests):
    count, size = rng.choice(((1, 8000), (1, 64_000), (1, 70_000), (60, 1000), (70, 1000), (2000, 5)))
    name = rng.choice((b"X-Long", b"Set-Cookie", b"ETag", b"Content-Type", b"Link"))
    answer.fields += [(name, b"v" * size) for _ in range(count)]


@mutation(2)
def odd_field_bytes(rng, answer, _request, _digests):
    """Odd bytes in a field that names no place."""
    safe = [n for n, (_, value) in enumerate(answer.fields) if not _names_place(value)]
    if not safe:
        return
    at = rng.choice(safe)
    name, value = answer.fields[at]
    answer.fields[at] = rng.choice((
        lambda: (documents.noise(rng, name), value), lambda: (name, documents.noise(rng, value)),
        lambda: (name + b" ", value), lambda: (b" " + name, value), lambda: (b"", value),
        lambda: (name, b"\r\n " + value), lambda: (name, value + b"\r\n\tfolded"),
        lambda: (name, b"\t  " + value + b" \t"), lambda: (name, b""), lambda: (name, b"\"" + value),
        lambda: (name, value + b"\0"), lambda: (name, value + b"\r"), lambda: (name + b"\x80", value)))()


def _names_place(value: bytes) -> bool:
    return b"/v2/" in value or b"/cdn/" in value or b"://" in value


@mutation(1)
def odd_line_ends(rng, answer, _request, _digests):
    end = rng.choice((b"\n", b"\r", b"\n\r", b"\r\r\n", b"\0\r\n"))
    answer.head_noise.append(lambda head: head.replace(b"\r\n", end, rng.choice((1, -1))))


@mutation(1)
def truncated_head(rng, answer, _request, _digests):
    part = rng.random()
    answer.head_noise.append(lambda head: head[:int(len(head) * part)])
    answer.has_body, answer.ending = False, rng.choice(("fin", "reset", "silence", "fin"))


# Framing.

@mutation(3)
def chunked_body(rng, answer, _request, _digests):
    """A right body in chunks of one size, with extensions and trailers."""
    answer.to_chunked()
    size = max(1, rng.choice((1, 7, 100, 65_536, len(answer.body))), len(answer.body) // 2000)
    extension = rng.choice((b"", b"", b";a=b", b";" + b"x" * 300, b" "))
    trailer = rng.choice((b"", b"", b"X-Trailer: 1\r\n", b"Content-Length: 3\r\n",
                          b"Docker-Content-Digest: sha256:0\r\n", b"X: " + b"y" * 70_000 + b"\r\n"))
    answer.chunks = [chunk(answer.body[at:at + size], extension)
                     for at in range(0, len(answer.body), size)] + [b"0\r\n" + trailer + b"\r\n"]


@mutation(2)
def broken_chunks(rng, answer, request, digests):
    chunked_body(rng, answer, request, digests)
    at = rng.randrange(len(answer.chunks))
    answer.chunks[at] = rng.choice((
        b"", b"0\r\n\r\n", b"zz\r\n", b"-1\r\nx\r\n", b"ffffffffffffffff\r\n", b"10000000000000000\r\n",
        b"5\r\nab\r\n", b"2\r\nabcdef\r\n", b"5 \r\nabcde\r\n", b"0x5\r\nabcde\r\n", b"\r\n", b"5\nabcde\n",
        b"5" + b"0" * 40 + b"\r\n", b"5;" + b"e" * 70_000 + b"\r\nabcde\r\n", answer.chunks[at] * 2))
    answer.ending = rng.choice(("keep", "fin", "reset"))


@mutation(2)
def close_delimited(rng, answer, _request, _digests):
    answer.drop(b"Content-Length")
    answer.framing = "close"
    if rng.random() < 0.5:
        answer.put(b"Connection", b"close")


@mutation(1)
def length_and_chunked(rng, answer, request, digests):
    length = answer.value(b"Content-Length") or b"0"
    if rng.random() < 0.5:
        chunked_body(rng, answer, request, digests)
        answer.put(b"Content-Length", rng.choice((length, b"0", b"5")))
    else:  # says that it is chunked, and is not
        answer.put(b"Transfer-Encoding", rng.choice((b"chunked", b"gzip, chunked", b"identity")))


@mutation(3)
def wrong_length(rng, answer, _request, _digests):
    answer.put(b"Content-Length", documents.number(rng, len(answer.body)).encode())
    answer.ending = rng.choice(("keep", "keep", "fin", "reset"))


@mutation(2)
def bytes_behind(rng, answer, _request, _digests):
    """The beginning of an unrequested answer, or random bytes."""
    answer.tail += rng.choice((
        b"\0", b"\r\n", b"x" * 1000, b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nbad",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n",
        answer.encoded()[:100_000]))


@mutation(1)
def body_without_question(rng, answer, _request, _digests):
    """A body for HEAD, 204 or 304, which have none, or no body for another answer."""
    answer.has_body = not answer.has_body
    answer.ending = rng.choice(("keep", "fin"))


# The body.

@mutation(4)
def spoilt_document(rng, answer, _request, _digests):
    if answer.body[:1] in (b"{", b"["):
        answer.replace_body(documents.json_document(rng, answer.body))
    else:
        spoilt_bytes(rng, answer, None, [])


@mutation(3)
def spoilt_bytes(rng, answer, _request, _digests):
    body = answer.body
    at = rng.randrange(len(body) + 1)
    answer.replace_body(rng.choice((
        lambda: documents.noise(rng, body), lambda: body[:at], lambda: body + body[:at + 1],
        lambda: body[:at] + bytes(len(body) - at), lambda: b"", lambda: bytes(len(body)),
        lambda: body[:-1] + b"\0", lambda: body[at:] + body[:at], lambda: body + b"\0" * 4096))())


@mutation(0.3)
def huge_body(rng, answer, _request, _digests):
    answer.replace_body(rng.choice((b" ", b"[", b"\0", b"a")) * rng.choice((5, 9)) * (1 << 20))


@mutation(1)
def another_encoding(rng, answer, _request, _digests):
    answer.put(b"Content-Encoding", rng.choice((b"gzip", b"gzip", b"x-gzip", b"deflate", b"br", b"zstd")))
    if rng.random() < 0.7:
        answer.replace_body(gzip.compress(answer.body, 1))


# Timing.

@mutation(2)
def byte_by_byte(rng, answer, _request, _digests):
    answer.first_piece = rng.choice((20, 200, 2000))


@mutation(3)
def pauses(rng, answer, _request, _digests):
    answer.pauses += [rng.choice((0.0, 0.001, 0.5, 0.999, 1.0, rng.random()))
                      for _ in range(rng.choice((1, 1, 2, 5)))]


@mutation(4)
def early_end(rng, answer, _request, _digests):
    answer.ends_at = rng.choice((0.0, 0.99, 1.0, rng.random(), rng.random() ** 4))
    answer.ending = rng.choice(("fin", "fin", "reset", "reset"))


@mutation(0.4)
def silence(rng, answer, _request, _digests):
    answer.ends_at = rng.choice((0.0, 0.5, 0.99, rng.random()))
    answer.ending = "silence"
