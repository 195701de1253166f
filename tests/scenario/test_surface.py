# SPDX-License-Identifier: Apache-2.0
"""The registry API as clients see it: shapes of URLs, headers, errors, listings."""

import pytest

from support import content, faults
from support.checks import (REPOSITORY, assert_error, assert_hit, assert_whole, blob_target,
                            manifest_target)

BASE = f"/v2/{REPOSITORY}"


@pytest.fixture
def image(upstream):
    return upstream.add_image(REPOSITORY, content.image(), "latest")


@pytest.fixture
def entrepot(start, image):
    return start()


@pytest.mark.parametrize("target", ["/v2/", "/v2", "/docker.io/v2/", "/v2/?ns=docker.io"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_ping(entrepot, upstream, target, method):
    response = entrepot.request(method, target)
    assert response.status == 200
    assert response.headers["Docker-Distribution-Api-Version"] == "registry/2.0"
    assert response.headers["Content-Length"] == "2"
    assert upstream.count() == 0


SHAPES = ["/v2/library/app/{rest}", "/v2/library/app/{rest}?ns=docker.io",
          "/v2/app/{rest}", "/v2/app/{rest}?ns=docker.io", "/v2/library/app/{rest}?ns=DOCKER.IO",
          "/v2/library/app/{rest}?ns=index.docker.io",
          "/v2/library/app/{rest}?ns=docker.io&ns=docker%2Eio",
          "/docker.io/v2/library/app/{rest}", "/docker.io/v2/app/{rest}",
          "/v2/docker.io/library/app/{rest}", "/v2/docker.io/app/{rest}",
          "/v2/docker.io/library/app/{rest}?ns=other.test"]


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_is_the_same_image(start, make_upstream, upstream, image, shape):
    other = make_upstream()
    entrepot = start({"docker.io": {"endpoint": upstream, "aliases": ["index.docker.io"]},
                      "other.test": other})
    digest = image.manifest.digest
    for rest in ("manifests/latest", f"manifests/{digest}"):
        assert_whole(entrepot.get(shape.format(rest=rest)), image.manifest)
    blob = image.config
    response = entrepot.get(shape.format(rest=f"blobs/{blob.digest}"))
    assert_whole(response, blob)
    assert ("OCI-Namespace" in response.headers) == ("?ns=" in shape)
    assert {r.repository for r in upstream.requests()} == {"library/app"}
    assert other.count() == 0


def test_name_without_slash_elsewhere_stays(start, make_upstream):
    """Only Docker Hub adds library/."""
    other = make_upstream()
    image = other.add_image("app", content.image(), "latest")
    entrepot = start({"other.test": other})
    assert_whole(entrepot.get("/v2/app/manifests/latest"), image.manifest)


@pytest.mark.parametrize("ns", ["unknown.test", "127.0.0.1:22"])
def test_an_unknown_namespace_gets_no_request(entrepot, upstream, ns):
    response = entrepot.get(f"{BASE}/manifests/latest?ns={ns}")
    assert_error(response, 404, code="NAME_UNKNOWN")
    assert upstream.count() == 0


def test_blob_fields(entrepot, image):
    blob = image.layers[0]
    for _ in range(2):
        response = entrepot.get(blob_target(blob))
        assert_whole(response, blob)
        assert response.headers["Content-Type"] == "application/octet-stream"
        assert response.headers["Accept-Ranges"] == "bytes"
        assert response.headers["ETag"] == f'"{blob.digest}"'
        assert response.headers["Docker-Distribution-Api-Version"] == "registry/2.0"
        assert "Transfer-Encoding" not in response.headers
        assert len(response.headers.all("Content-Length")) == 1


def test_manifest_bytes_are_the_upstreams(entrepot, image):
    for _ in range(2):
        response = entrepot.get(manifest_target("latest"))
        assert response.body == image.manifest.data
        assert response.headers["Content-Type"] == image.manifest.media_type


@pytest.mark.parametrize("media_type", [content.OCI_MANIFEST, content.OCI_INDEX,
                                        content.DOCKER_MANIFEST, content.DOCKER_LIST])
def test_media_types(entrepot, upstream, media_type):
    if "index" in media_type or "list" in media_type:
        manifest = content.index([content.image()], media_type=media_type)
    else:
        manifest = content.image(media_type=media_type).manifest
    upstream.add_manifest(REPOSITORY, manifest, "typed")
    for target in (manifest_target("typed"), manifest_target(manifest)):
        response = entrepot.get(target)
        assert_whole(response, manifest)
        assert response.headers["Content-Type"] == media_type


@pytest.mark.parametrize("condition", ['"{}"', "{}", 'W/"{}"', '"x", "{}"', "*"])
@pytest.mark.parametrize("kind", ["tag", "manifest", "blob"])
def test_not_modified(entrepot, image, condition, kind):
    thing = image.config if kind == "blob" else image.manifest
    target = {"tag": manifest_target("latest"), "manifest": manifest_target(image.manifest),
              "blob": blob_target(image.config)}[kind]
    assert_whole(entrepot.get(target), thing)
    headers = {"If-None-Match": condition.format(thing.digest)}
    response = entrepot.get(target, headers=headers)
    assert response.status == 304 and response.received == 0
    assert response.headers["ETag"] == f'"{thing.digest}"'
    assert_whole(entrepot.get(target, headers={"If-None-Match": '"sha256:other"'}), thing)


ABSENT = [
    ("manifests/nope", 404, "MANIFEST_UNKNOWN"),
    ("manifests/sha256:" + "0" * 64, 404, "MANIFEST_UNKNOWN"),
    ("blobs/sha256:" + "0" * 64, 404, "BLOB_UNKNOWN"),
    ("blobs/sha256:bad", 400, "DIGEST_INVALID"),
    ("blobs/sha256:" + "A" * 64, 400, "DIGEST_INVALID"),
    ("blobs/md5:" + "0" * 32, 400, "DIGEST_INVALID"),
    ("blobs/latest", 400, "DIGEST_INVALID"),
    ("blobs/uploads/123", 404, "BLOB_UPLOAD_UNKNOWN"),
    ("tags/list?n=-1", 400, "PAGINATION_NUMBER_INVALID"),
    ("tags/list?n=x", 400, "PAGINATION_NUMBER_INVALID"),
    ("referrers/sha256:bad", 400, "DIGEST_INVALID"),
    ("nothing/here", 404, None),
]


@pytest.mark.parametrize("rest,status,code", ABSENT)
def test_errors(entrepot, rest, status, code):
    response = entrepot.get(f"{BASE}/{rest}")
    assert_error(response, status, code=code)
    head = entrepot.head(f"{BASE}/{rest}")
    assert head.status == status and head.received == 0


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("rest", ["blobs/uploads/", "manifests/latest",
                                  "blobs/sha256:" + "0" * 64])
def test_writes_are_refused(entrepot, upstream, method, rest):
    response = entrepot.request(method, f"{BASE}/{rest}", headers={"Content-Length": "3"},
                                body=b"abc")
    assert_error(response, 405, code="UNSUPPORTED")
    assert response.headers["Allow"] == "GET, HEAD"
    assert upstream.count() == 0


def test_catalog_is_off(entrepot):
    assert_error(entrepot.get("/v2/_catalog"), 404)


def test_tags_list(entrepot, upstream, image):
    for tag in ("b", "a", "B", "1.0", "latest"):
        upstream.set_tag(REPOSITORY, tag, image.manifest.digest)
    upstream.role.page_size = 2
    response = entrepot.get(f"{BASE}/tags/list")
    assert response.json() == {"name": REPOSITORY, "tags": ["1.0", "B", "a", "b", "latest"]}
    assert "Link" not in response.headers


@pytest.mark.parametrize("prefix,query", [("", ""), ("", "&ns=docker.io"), ("/docker.io", "")])
def test_tags_list_in_pages(entrepot, upstream, image, prefix, query):
    names = [f"v{n:02}" for n in range(7)]
    for tag in names:
        upstream.set_tag(REPOSITORY, tag, image.manifest.digest)
    target, got = f"{prefix}{BASE}/tags/list?n=3{query}", []
    while target:
        response = entrepot.get(target)
        got += response.json()["tags"]
        link = response.headers.get("Link")
        target = None
        if link:
            assert link.startswith(f"<{prefix}{BASE}/tags/list?") and link.endswith('>; rel="next"')
            assert ("ns=docker.io" in link) == bool(query)
            target = link[1:link.index(">")]
    assert got == ["latest", *names]


def test_tags_list_edges(entrepot, upstream, image):
    assert entrepot.get(f"{BASE}/tags/list?n=0").json()["tags"] == []
    assert entrepot.get(f"{BASE}/tags/list?last=zzz").json()["tags"] == []
    assert entrepot.get(f"{BASE}/tags/list?n=999999999").json()["tags"] == ["latest"]
    assert_error(entrepot.get("/v2/library/none/tags/list"), 404, code="NAME_UNKNOWN")


def test_tags_list_link_to_elsewhere_is_not_followed(entrepot, make_upstream, upstream):
    trap = make_upstream(host="127.0.0.2")
    upstream.script(faults.field("Link", f'<{trap.url}/v2/x/tags/list>; rel="next"'), kind="tags")
    entrepot.get(f"{BASE}/tags/list")
    assert trap.connections_seen == 0


def referrer(number: int, artifact_type: str) -> dict:
    document = content.manifest_of({"schemaVersion": 2, "n": number}, content.OCI_MANIFEST)
    return document.descriptor(artifactType=artifact_type, annotations={"n": str(number)})


def test_referrers(entrepot, upstream, image):
    subject = image.manifest.digest
    described = [referrer(1, "application/a"), referrer(2, "application/b")]
    upstream.role.referrers[(REPOSITORY, subject)] = described
    response = entrepot.get(f"{BASE}/referrers/{subject}")
    assert response.status == 200
    assert response.headers["Content-Type"] == content.OCI_INDEX
    assert response.json() == {"schemaVersion": 2, "mediaType": content.OCI_INDEX,
                               "manifests": described}
    assert "OCI-Filters-Applied" not in response.headers
    response = entrepot.get(f"{BASE}/referrers/{subject}?artifactType=application/b")
    assert response.json()["manifests"] == described[1:]
    assert response.headers["OCI-Filters-Applied"] == "artifactType"


def test_referrers_of_nothing(entrepot):
    response = entrepot.get(f"{BASE}/referrers/sha256:{'1' * 64}")
    assert response.status == 200 and response.json()["manifests"] == []


@pytest.mark.parametrize("has_tag", [False, True])
def test_referrers_tag_schema(entrepot, upstream, image, has_tag):
    """The upstream lacks the API: the list is that of the fallback tag, or empty."""
    upstream.role.referrers_supported = False
    subject = image.manifest.digest
    described = [referrer(1, "application/a")]
    if has_tag:
        index = content.manifest_of({"schemaVersion": 2, "mediaType": content.OCI_INDEX,
                                     "manifests": described}, content.OCI_INDEX)
        upstream.add_manifest(REPOSITORY, index, subject.replace(":", "-"))
    response = entrepot.get(f"{BASE}/referrers/{subject}")
    assert response.status == 200
    assert response.json()["manifests"] == (described if has_tag else [])


def test_connection_is_kept(entrepot, image):
    with entrepot.connect() as connection:
        for _ in range(20):
            for target, thing in ((manifest_target("latest"), image.manifest),
                                  (blob_target(image.config), image.config)):
                connection.send_request("GET", target)
                assert_whole(connection.read_response(), thing)
            connection.send_request("HEAD", blob_target(image.layers[0]))
            assert connection.read_response("HEAD").status == 200


def test_pipelined_requests_are_answered_in_order(entrepot, image):
    asked = [(manifest_target("latest"), image.manifest), (blob_target(image.layers[0]), image.layers[0]),
             ("/v2/", None), (blob_target(image.config), image.config)] * 5
    with entrepot.connect() as connection:
        connection.send(b"".join(f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
                                 for target, _ in asked))
        for target, thing in asked:
            response = connection.read_response()
            if thing is None:
                assert response.status == 200 and response.body == b"{}", target
            else:
                assert_whole(response, thing)


def test_hit_is_announced(entrepot, image):
    first = entrepot.get(blob_target(image.config))
    assert first.outcome.startswith("entrepot;") and "fwd=" in first.outcome
    assert_hit(entrepot.get(blob_target(image.config)), image.config)
