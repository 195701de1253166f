# SPDX-License-Identifier: Apache-2.0
"""Malformed and odd requests to the registry API: each has exactly one right answer, with an error
in OCI form, and causes no request to the upstream.

The numbers are fixed: they go on from those of the HTTP corpus (test_http_corpus.py).
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from support import content
from support.checks import REPOSITORY, assert_error, assert_whole, blob_target, manifest_target
from support.daemon import Daemon

ZERO = "0" * 64
BASE = f"/v2/{REPOSITORY}"


class Case(NamedTuple):
    """Requests that the mirror refuses without a request to the upstream."""

    number: str
    note: str
    targets: list[str]
    statuses: tuple[int, ...]
    codes: tuple[str, ...]
    headers: list[tuple[str, str]] = []


def manifests(names: list[str]) -> list[str]:
    return [f"/v2/{name}/manifests/latest" for name in names]


def by_ns(values: list[str]) -> list[str]:
    return [f"{BASE}/manifests/latest?ns={value}" for value in values]


NAME = ("NAME_INVALID",)
DIGEST = ("DIGEST_INVALID",)
PAGE = ("PAGINATION_NUMBER_INVALID",)

CASES = [
    Case("75", "names outside the grammar",
         manifests(["Library/X", "a//b", "-a", "a..b", "a___b", "a" * 256, "a-/b", "a%25b"]),
         (400,), NAME),
    Case("76", "references outside the grammar",
         [f"{BASE}/manifests/{reference}"
          for reference in ["x" * 129, ".x", "-x", "a:b", ".INVALID_MANIFEST_NAME", "a%20b"]],
         (404,), ("MANIFEST_UNKNOWN",)),
    Case("77", "hex that is no digest",
         [f"{BASE}/{kind}/sha256:{text}" for kind in ("blobs", "manifests", "referrers")
          for text in (ZERO[1:], ZERO + "0", "A" * 64, "g" * 64)],
         (400,), DIGEST),
    Case("78", "algorithms that are not verified",
         [f"{BASE}/blobs/{text}" for text in ("md5:" + "0" * 32, "sha1:" + "0" * 40, "sha256", ":x")],
         (400,), DIGEST),
    Case("79", "sha512 of the length of sha256", [f"{BASE}/blobs/sha512:{ZERO}"], (400,), DIGEST),
    Case("82-upload", "an upload", [f"{BASE}/blobs/uploads/x"], (404,), ("BLOB_UPLOAD_UNKNOWN",)),
    Case("82", "paths that are nothing", ["/v2/x", "/v2//", "/", "/v1/", f"{BASE}/nothing/x"],
         (404,), ("NAME_UNKNOWN",)),
    Case("82-slash", "a slash in disguise",
         ["/v2/library%2Fapp/manifests/latest", f"{BASE}/manifests%2flatest"],
         (400,), ("UNKNOWN",)),
    Case("83-catalog", "the catalog", ["/v2/_catalog", "/v2/_catalog?n=999999999"],
         (404,), ("UNSUPPORTED",)),
    Case("83", "numbers that are none",
         [f"{BASE}/tags/list?n={n}" for n in ("-1", "abc", "", "1e3", "0x10", "1&n=2")],
         (400,), PAGE),
    Case("84", "last that is no tag",
         [f"{BASE}/tags/list?last={last}" for last in ("a" * 7000, "%00", "../", "a%0d%0ab")],
         (400,), PAGE),
    Case("85-unknown", "namespaces that are not configured",
         by_ns(["localhost", "127.1", "2130706433", "[::1]", "169.254.169.254", "x:22",
                "docker.io.evil.test"]), (404,), ("NAME_UNKNOWN",)),
    Case("85-malformed", "namespaces that are no host",
         by_ns(["u@h", "%00", "a" * 300, "docker.io&ns=ghcr.io", "docker.io&ns=", "", "docker.io%0d%0aX:1",
                "http://docker.io"]), (400,), NAME),
    Case("92-basic", "an Authorization that is none", [f"{BASE}/manifests/latest"], (400,),
         ("UNKNOWN",), [("Authorization", "Basic %%%secret%%%")]),
    Case("92-twice", "two of them", [f"{BASE}/manifests/latest"], (400,), ("UNKNOWN",),
         [("Authorization", "Basic c2VjcmV0"), ("Authorization", "Basic c2VjcmV0")]),
    Case("92-long", "32 kB of it", [f"{BASE}/manifests/latest"], (400,), ("UNKNOWN",),
         [("Authorization", "Bearer " + "secret" * 5333)]),
]


@pytest.fixture
def image(upstream):
    return upstream.add_image(REPOSITORY, content.image(), "latest")


@pytest.fixture
def entrepot(start, image):
    return start()


def fields_of(response) -> list[tuple[str, str]]:
    """The fields without those that may differ from one second to the next."""
    return [(name, value) for name, value in response.headers.fields
            if name not in ("Date", "Age", "Cache-Status")]


def assert_head_is_get(entrepot, target: str, headers=()) -> None:
    """Case 94."""
    get, head = (entrepot.request(method, target, headers=headers) for method in ("GET", "HEAD"))
    assert (head.status, fields_of(head)) == (get.status, fields_of(get)), target
    with entrepot.connect() as connection:
        items = [*headers, ("Connection", "close")]
        connection.send_request("HEAD", target, items)
        assert connection.receive_until_close().endswith(b"\r\n\r\n"), "no body after HEAD"


def stored_files(entrepot) -> set[str]:
    directory = Path(entrepot.config["cache"]["directory"])
    return {str(path) for part in ("blobs", "fills") for path in (directory / part).rglob("*")}


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.number}: {case.note}")
def test_refused(entrepot, upstream, case):
    before = stored_files(entrepot)
    for target in case.targets:
        response = entrepot.get(target, headers=case.headers)
        assert response.status in case.statuses, (target, response)
        assert_error(response, *case.statuses)
        assert response.code in case.codes, (target, response.body)
        assert response.headers["Docker-Distribution-Api-Version"] == "registry/2.0"
        assert_head_is_get(entrepot, target, case.headers)
    assert upstream.connections_seen == 0
    assert stored_files(entrepot) == before
    assert "secret" not in entrepot.log.text


def test_75_and_78_dots_are_not_resolved(entrepot, upstream):
    for target in ("/v2/../manifests/latest", f"{BASE}/blobs/sha256:../../x",
                   f"{BASE}/blobs/sha256:%2e%2e%2fx"):
        assert entrepot.get(target).status == 400, target
    assert upstream.connections_seen == 0


def test_79_sha512_is_handled(entrepot, upstream):
    blob = upstream.add_blob(REPOSITORY, content.blob(5000, algorithm="sha512"))
    for _ in range(2):
        response = entrepot.get(blob_target(blob))
        assert response.status == 200 and response.body == blob.data
        assert response.headers["Docker-Content-Digest"] == blob.digest


def test_79_a_sha512_manifest_is_handled(entrepot, upstream, image):
    manifest = upstream.add_manifest(REPOSITORY, content.manifest_of(
        image.manifest.data + b"\n", content.OCI_MANIFEST, algorithm="sha512"), "long")
    for reference in ("long", manifest, "long", manifest):
        assert_whole(entrepot.get(manifest_target(reference)), manifest)
    assert upstream.count("manifest", method="GET") == 1
    entrepot.restart()
    assert_whole(entrepot.get(manifest_target(manifest)), manifest)


def test_80_names_may_hold_words_of_the_api(entrepot, upstream):
    for repository in ("library/manifests", "a/blobs/tags", "blobs/manifests/latest/referrers"):
        image = upstream.add_image(repository, content.image(seed=len(repository)), "latest")
        assert_whole(entrepot.get(manifest_target("latest", repository)), image.manifest)
        assert_whole(entrepot.get(blob_target(image.config, repository)), image.config)
        assert entrepot.get(f"/v2/{repository}/tags/list").json()["name"] == repository


@pytest.mark.parametrize("method", ["PUT", "POST", "PATCH", "DELETE"])
def test_81_writes(entrepot, upstream, method):
    for target in ("/", "/v2/", f"{BASE}/manifests/latest", f"{BASE}/blobs/uploads/", "/x?ns=y"):
        response = entrepot.request(method, target, headers={"Content-Length": "0"})
        assert_error(response, 405, code="UNSUPPORTED")
        assert response.headers["Allow"] == "GET, HEAD"
    with entrepot.connect() as connection:  # 1 GiB is announced; the answer does not wait for it
        connection.send_request(method, f"{BASE}/blobs/uploads/", {"Content-Length": str(1 << 30)})
        response = connection.read_response()
        assert_error(response, 405, code="UNSUPPORTED")
        assert response.headers["Allow"] == "GET, HEAD"
        assert connection.receive_until_close() == b""
    assert upstream.connections_seen == 0


def test_83_a_large_n_is_clamped(entrepot, upstream):
    response = entrepot.get(f"{BASE}/tags/list?n=99999999999999999999")
    assert response.status == 200 and response.json()["tags"] == ["latest"]


def test_84_last_is_not_sent_on(entrepot, upstream, image):
    upstream.set_tag(REPOSITORY, "zulu", image.manifest.digest)
    assert entrepot.get(f"{BASE}/tags/list?last=not%2dthere").json()["tags"] == ["zulu"]
    assert all("last" not in request.target for request in upstream.requests("tags"))


# Registries that a client may name as ns= or as Host, and the status for such a Host.
ELSEWHERE = {"localhost": 200, "127.1": 200, "2130706433": 200, "[::1]": 200,
             "169.254.169.254": 200, "x:22": 200, "u@h": 400, "%00": 400, "a" * 300: 200,
             "docker.io.evil.test": 200, "ghcr.io": 200}


@pytest.fixture
def watched(entrepot):
    """An Entrepot, and the system calls by which it would connect or resolve."""
    tracer = Daemon("strace", "-f", "-p", str(entrepot.pid), "-e",
                    "trace=connect,sendto,sendmmsg")
    tracer.log.wait_for("attached")
    yield entrepot, tracer.log
    # The test would see such a request: this one goes to the upstream.
    assert entrepot.get(manifest_target("not-yet-asked")).status == 404
    tracer.log.wait_for(r"connect\(")
    tracer.stop()


def test_85_nothing_is_dialled(watched, make_upstream):
    entrepot, calls = watched
    trap = make_upstream(host="127.0.0.2")
    for value in [*ELSEWHERE, trap.address, trap.address.replace(":", "%3A"), f"x@{trap.address}"]:
        status = 400 if ELSEWHERE.get(value) == 400 or "@" in value or len(value) > 255 else 404
        assert_error(entrepot.get(f"{BASE}/manifests/latest?ns={value}"), status)
    assert trap.connections_seen == 0
    assert not calls.search(r"(connect|sendto|sendmmsg)\(")


def test_86_host_selects_nothing(watched, image, make_upstream):
    entrepot, calls = watched
    trap = make_upstream(host="127.0.0.2")
    for host, status in {**ELSEWHERE, trap.address: 200, f"a\r\nHost: {trap.address}": 400}.items():
        with entrepot.connect() as connection:
            connection.send(f"GET /v2/ HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
            assert connection.read_response().status == status, host
    assert not calls.search(r"(connect|sendto|sendmmsg)\(")
    for host in ("ghcr.io", trap.address):
        with entrepot.connect() as connection:
            connection.send(f"GET {manifest_target('latest')} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
            assert_whole(connection.read_response(), image.manifest)
    assert trap.connections_seen == 0


def ranged(entrepot, image, value: str, **headers):
    blob = image.layers[0]
    return entrepot.get(blob_target(blob), headers={"Range": value, **headers})


@pytest.fixture
def stored(entrepot, image):
    assert_whole(entrepot.get(blob_target(image.layers[0])), image.layers[0])
    return entrepot


@pytest.mark.parametrize("value", ["bytes=5-2", "=", "=a-b", "lines=0-1", "bytes=",
                                   f"bytes={2**64}-", f"bytes=0-{2**64}", f"bytes=-{2**64}"])
def test_87_broken_ranges(stored, image, value):
    assert_whole(ranged(stored, image, value), image.layers[0])


def test_88_unsatisfiable(stored, image):
    size = image.layers[0].size
    response = ranged(stored, image, f"bytes={size}-")
    assert_error(response, 416, code="RANGE_INVALID")
    assert response.headers["Content-Range"] == f"bytes */{size}"
    assert ranged(stored, image, f"bytes={size}-,{size + 1}-").status == 200


def test_89_many_ranges(stored, image):
    several = ranged(stored, image, "bytes=" + ",".join(["0-1"] * 1024))
    assert several.status == 206
    assert several.headers["Content-Type"].startswith("multipart/byteranges; boundary=")
    assert several.body.count(b"\r\n\r\n" + image.layers[0].data[:2] + b"\r\n") == 1024
    assert_error(ranged(stored, image, "bytes=" + ",".join(["0-1"] * 1025)), 400)
    size = image.layers[0].size
    assert ranged(stored, image, f"bytes=0-{size - 1},0-{size - 1}").status == 200


def test_90_conditions(stored, image):
    layer = image.layers[0]
    assert ranged(stored, image, "bytes=0-1").status == 206
    assert_whole(ranged(stored, image, "bytes=0-1", **{"If-Range": '"other"'}), layer)
    response = ranged(stored, image, "bytes=0-1", **{"If-Range": f'"{layer.digest}"'})
    assert response.status == 206 and response.body == layer.data[:2]


def test_90_a_tag_is_checked_before_it_is_compared(start, upstream, image):
    entrepot = start({"docker.io": {"endpoint": upstream, "tags": {"fresh_for": "0s"}}})
    old = image.manifest
    assert_whole(entrepot.get(manifest_target("latest")), old)
    condition = {"If-None-Match": f'"{old.digest}"', "Cache-Control": "no-cache"}
    assert entrepot.get(manifest_target("latest"), headers=condition).status == 304
    new = upstream.add_image(REPOSITORY, content.image(seed=9), "moved").manifest
    assert entrepot.get(manifest_target("moved"), headers=condition).status == 200
    assert entrepot.get(manifest_target("moved"), headers={"If-None-Match": "*"}).status == 304
    assert_whole(entrepot.get(manifest_target("moved")), new)


@pytest.mark.parametrize("accept", [None, "*/*;q=0", "a/b, " * 9000 + "a/b", ",,,", ""])
def test_91_accept(entrepot, image, accept):
    headers = {} if accept is None else {"Accept": accept}
    assert_whole(entrepot.get(manifest_target("latest"), headers=headers), image.manifest)


def test_91_accept_without_the_type(entrepot, image):
    headers = {"Accept": content.OCI_INDEX}
    assert_error(entrepot.get(manifest_target("latest"), headers=headers), 404,
                 code="MANIFEST_UNKNOWN")
    assert_whole(entrepot.get(manifest_target(image.manifest), headers=headers), image.manifest)


def test_92_a_sound_authorization_is_ignored(entrepot, upstream, image):
    headers = {"Authorization": "Basic c2VjcmV0"}
    assert_whole(entrepot.get(manifest_target("latest"), headers=headers), image.manifest)
    assert all(request.authorization is None for request in upstream.requests())
    assert "c2VjcmV0" not in entrepot.log.text


@pytest.mark.parametrize("value", ["", "Basic", "Basic ", "Basic Og==", "Bearer", "Bearer "])
def test_92_an_empty_authorization_is_ignored(entrepot, image, value):
    headers = {"Authorization": value}
    assert_whole(entrepot.get(manifest_target("latest"), headers=headers), image.manifest)


@pytest.mark.parametrize("query", ["ns=docker.io&ns=docker.io", "ns=docker.io&x&ns=docker.io"])
def test_85_the_same_namespace_twice_is_accepted(entrepot, image, query):
    assert_whole(entrepot.get(f"{manifest_target('latest')}?{query}"), image.manifest)


def test_83_the_same_number_twice_is_accepted(entrepot, image):
    assert entrepot.get(f"{BASE}/tags/list?n=1&n=1&last=a&last=a").status == 200


def test_93_client_fields_are_not_sent_on(entrepot, upstream, image):
    headers = {"Cookie": "canary=1", "X-Forwarded-For": "canary", "X-Forwarded-Host": "canary.test",
               "Forwarded": "host=canary.test", "Proxy": "http://canary.test",
               "X-Original-URL": "/canary", "User-Agent": "canary"}
    assert_whole(entrepot.get(manifest_target("latest"), headers=headers), image.manifest)
    asked = upstream.count()
    assert_whole(entrepot.get(manifest_target("latest")), image.manifest)
    assert upstream.count() == asked, "the same entry, whoever asks"
    for request in upstream.requests():
        assert "canary" not in request.target + repr(request.fields)
    assert "canary" not in entrepot.log.text


def test_94_head_is_get(entrepot, image):
    layer = image.layers[0]
    targets = ["/", "/v2/", manifest_target("latest"), manifest_target(image.manifest),
               manifest_target("none"), manifest_target(f"sha256:{ZERO}"), blob_target(layer),
               f"{BASE}/blobs/sha256:{ZERO}", f"{BASE}/tags/list", f"{BASE}/tags/list?n=1",
               "/v2/library/none/tags/list", f"{BASE}/referrers/{image.manifest.digest}",
               f"{manifest_target('latest')}?ns=docker.io"]
    for target in targets:
        assert_head_is_get(entrepot, target)
    assert_head_is_get(entrepot, blob_target(layer), [("If-None-Match", f'"{layer.digest}"')])
