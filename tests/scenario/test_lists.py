# SPDX-License-Identifier: Apache-2.0
"""Lists of tags and referrers from registries that page, refuse and redirect in their own ways."""

from __future__ import annotations

import json

import pytest

from support import content, faults
from support.checks import REPOSITORY, assert_error

BASE = f"/v2/{REPOSITORY}"
TAGS = [f"v{number}" for number in range(7)]
SUBJECT = content.manifest_of({"schemaVersion": 2, "mediaType": content.OCI_INDEX, "manifests": [
    {"mediaType": content.OCI_MANIFEST, "size": 7, "digest": content.digest_of(b"platform"),
     "platform": {"os": "linux", "architecture": "amd64"}}]}, content.OCI_INDEX)
TARGET = f"{BASE}/referrers/{SUBJECT.digest}"


@pytest.fixture
def entrepot(start, upstream):
    upstream.role.page_size = 3
    return start()


def add_tags(upstream, repository: str) -> str:
    """Adds the tags; returns the target of their list."""
    for tag in TAGS:
        upstream.set_tag(repository, tag, content.digest_of(b"x"))
    return f"/v2/{repository}/tags/list"


def links(form: str):
    """A fault: the Link of a page in this form, with the query that the registry means."""
    def spoil(request, reply):
        link = dict(reply.fields).get("Link")
        if link:
            query = link[link.index("?"):link.index(">")]
            reply.set("Link", form.format(query=query, path=request.path))
    return spoil


LINKS = {
    "relative": '<list{query}>; rel="next"',
    "query only": '<{query}>; rel="next"',
    "a path of the inside": '</internal/docker{path}{query}>; rel="next"',
    "without the prefix": '</tags/list{query}>; rel="next"',
    "another name": '</v2/inner/name/tags/list{query}>; rel="next"',
    "another scheme": '<https://127.0.0.1{path}{query}>; rel="next"',
    "another host": '<http://{trap}{path}{query}>; rel="next"',
    "no scheme": '<//{trap}{path}{query}>; rel="next"',
    "no brackets": '{path}{query}; rel="next"',
    "no brackets, whole URL": 'http://{trap}{path}{query}; rel="next"',
    "one bracket": '<{path}{query}; rel="next"',
    "no rel": '<{path}{query}>',
    "a space": '<{path}{query}&filter=a b>; rel="next"',
    "raw UTF-8": '<{path}{query}&filter=\u00c3\u00a9>; rel="next"',
    "spaces around": '< {path}{query} > ; rel = "next"',
    "another link first": '</style.css?v=1>; rel=preload, <{path}{query}>; rel="next"',
}


def test_all_tags_whatever_the_links_look_like(entrepot, upstream, make_upstream):
    trap = make_upstream(host="127.0.0.2")
    got = {}
    for number, (name, form) in enumerate(LINKS.items()):
        repository = f"forms/form-{number}"
        target = add_tags(upstream, repository)
        form = form.replace("{trap}", trap.address)
        upstream.script(links(form), kind="tags", repository=repository)
        response = entrepot.get(target)
        asked = upstream.count("tags", repository=repository)
        got[name] = (response.status, response.json().get("tags"), asked)
    assert got == {name: (200, TAGS, 3) for name in LINKS}
    assert trap.connections_seen == 0
    assert {r.path for r in upstream.requests()} == {
        f"/v2/forms/form-{number}/tags/list" for number in range(len(LINKS))}


def test_repeated_links_end_the_list(entrepot, upstream):
    forms = ['<{path}?n=1000>; rel="next"', '<>; rel="next"', '<list>; rel="next"',
             '<{path}?n=1000&page={count}>; rel="next"', '{path}?n=1000; rel="next"',
             '<https://elsewhere.test{path}?n=1000>; rel="next"']
    for number, form in enumerate(forms):
        repository = f"ends/form-{number}"
        target = add_tags(upstream, repository)

        def spoil(request, reply, form=form, repository=repository):
            count = upstream.count("tags", repository=repository)
            reply.replace_body(json.dumps({"tags": TAGS, "at": count}).encode())
            reply.set("Link", form.format(path=request.path, count=count))
        upstream.script(spoil, kind="tags", repository=repository)
        for _ in range(3):
            assert entrepot.get(target).json()["tags"] == TAGS, form
        assert upstream.count("tags", repository=repository) <= 2, form


def test_a_part_of_a_list_is_not_the_whole(entrepot, upstream):
    for number, form in enumerate(['<{path}/page/2>; rel="next"', '<{query}&x=%s>; rel="next"'
                                   % ("x" * 17000), '{path}/2; rel=next']):
        repository = f"parts/form-{number}"
        target = add_tags(upstream, repository)
        upstream.script(links(form), kind="tags", repository=repository)
        assert entrepot.get(target).status == 502, form
        assert upstream.count("tags", repository=repository) == 1
    entrepot.log.wait_for("names a next page that cannot be asked for")


@pytest.mark.parametrize("status", [400, 422])
def test_a_page_size_that_is_refused(entrepot, upstream, status):
    target = add_tags(upstream, REPOSITORY)
    upstream.script(faults.status(status, b'{"errors":[{"code":"PAGINATION_NUMBER_INVALID"}]}'),
                    kind="tags", match=lambda r: int(r.query.get("n", ["0"])[0]) > 100)
    assert entrepot.get(target).json()["tags"] == TAGS
    assert [r.query.get("n") for r in upstream.requests("tags")] == [["1000"], None, ["3"], ["3"]]
    assert entrepot.get(f"{target}?n=2").json()["tags"] == TAGS[:2]


# Referrers.

def index_of(described: list[dict]) -> content.Manifest:
    return content.manifest_of({"schemaVersion": 2, "mediaType": content.OCI_INDEX,
                                "manifests": described}, content.OCI_INDEX)


def referrer(number: int, artifact_type: str, size: int = 0) -> dict:
    return {"mediaType": content.OCI_MANIFEST, "size": number, "artifactType": artifact_type,
            "digest": content.digest_of(str(number).encode()), "annotations": {"x": "x" * size}}


@pytest.mark.parametrize("header", [True, False])
def test_a_fallback_tag_that_is_the_subject(entrepot, upstream, header):
    """Some registries take the tag for the digest that it spells."""
    upstream.role.referrers_supported = False
    upstream.add_manifest(REPOSITORY, SUBJECT, SUBJECT.digest.replace(":", "-"))
    if not header:
        upstream.script(faults.without("Docker-Content-Digest", "ETag"), kind="manifest")
    response = entrepot.get(TARGET)
    assert response.status == 200 and response.json()["manifests"] == []


def test_a_referrers_api_that_answers_with_the_subject(entrepot, upstream):
    upstream.script(faults.body(SUBJECT.data, content.OCI_INDEX), kind="referrers")
    assert entrepot.get(TARGET).json()["manifests"] == []


def redirect_to(url: str):
    def spoil(request, reply):
        faults.status(303)(request, reply)
        reply.set("Location", url)
    return spoil


API = {  # (the reply of the API, the reply of the page behind a redirect)
    "401": (faults.status(401), None),
    "403": (faults.status(403), None),
    "412": (faults.status(412), None),
    "501": (faults.status(501), None),
    "to 429": ("/login", faults.too_many_requests()),
    "to 403": ("/login", faults.status(403)),
    "to 401": ("/login", faults.status(401)),
    "to a page": ("/login", faults.status(200, b"<html>", "text/html")),
    "to 429 elsewhere": ("{away}/login", faults.too_many_requests("60")),
    "to 403 elsewhere": ("{away}/login", faults.status(403)),
    "to 401 elsewhere": ("{away}/login", faults.status(401)),
    "to nothing": ("", None),
    "to where we may not go": ("ftp://127.0.0.1/", None),
}


@pytest.mark.parametrize("has_tag", [True, False])
def test_a_referrers_api_that_is_refused(start, upstream, make_upstream, has_tag):
    away = make_upstream(host="127.0.0.2")
    entrepot = start({"docker.io": {"endpoint": upstream, "internal": True}})
    described = [referrer(1, "application/a")]
    got = {}
    for number, (name, (api, page)) in enumerate(API.items()):
        repository = f"apis/api-{number}"
        if isinstance(api, str):
            api = redirect_to(api.format(away=away.url) + (f"/{number}" if api else ""))
        upstream.script(api, kind="referrers", repository=repository)
        if page:
            for server in (upstream, away):
                server.script(page, match=lambda r, n=number: r.path == f"/login/{n}")
        if has_tag:
            upstream.add_manifest(repository, index_of(described),
                                  SUBJECT.digest.replace(":", "-"))
        response = entrepot.get(f"/v2/{repository}/referrers/{SUBJECT.digest}")
        got[name] = response.json().get("manifests", response.status)
        assert upstream.count("manifest", repository=repository) == 1, name
    if has_tag:
        assert got == {name: described for name in API}
    else:  # a refusal is no empty list, except if the API is plainly missing
        assert {name for name, value in got.items() if value == []} == {"501", "to a page"}


def test_the_registrys_own_limit_is_no_missing_api(entrepot, upstream):
    upstream.script(faults.too_many_requests("1"), kind="referrers")
    upstream.add_manifest(REPOSITORY, index_of([]), SUBJECT.digest.replace(":", "-"))
    assert entrepot.get(TARGET).status in (429, 503)
    assert upstream.count("manifest") == 0


def add_many(upstream, count: int, size: int) -> list[dict]:
    """The upstream's referrers, in four pages of its own."""
    described = [referrer(number, f"application/{number % 3}", size) for number in range(count)]
    quarter = -(-count // 4)
    bodies = [index_of(described[at * quarter:(at + 1) * quarter]).data for at in range(4)]

    def page(request, reply):
        at = int(request.query.get("page", ["0"])[0])
        reply.replace_body(bodies[at])
        if at < 3:
            reply.set("Link", f'<{request.path}?page={at + 1}>; rel="next"')
    upstream.script(page, kind="referrers")
    return described


def follow(entrepot, target: str) -> list:
    """All pages from that one on."""
    pages = []
    while target:
        assert len(pages) < 20
        pages.append(entrepot.get(target))
        assert pages[-1].status == 200, pages[-1]
        link = pages[-1].headers.get("Link", "")
        assert not link or link.endswith('>; rel="next"')
        target = link[1:link.index(">")] if link else ""
    return pages


def numbers(pages: list) -> list[int]:
    return [each["size"] for page in pages for each in page.json()["manifests"]]


def test_referrers_that_are_too_large_for_a_manifest(entrepot, upstream):
    prefix, ns = "/docker.io", "ns=docker.io"
    described = add_many(upstream, 80, 95_000)
    target = prefix + TARGET
    pages = follow(entrepot, f"{target}?{ns}")
    assert len(pages) == 2
    for page in pages:
        assert len(page.body) <= 4 * content.MIB
        assert page.headers["Content-Type"] == content.OCI_INDEX
        assert "OCI-Filters-Applied" not in page.headers
    assert pages[0].headers["Link"].startswith(f"<{target}?") and ns in pages[0].headers["Link"]
    got = [each for page in pages for each in page.json()["manifests"]]
    assert sorted(got, key=lambda each: each["size"]) == described

    types = "artifactType=application/2&artifactType=application/0"
    pages = follow(entrepot, f"{target}?{types}&{ns}")
    assert len(pages) == 2
    assert all(page.headers["OCI-Filters-Applied"] == "artifactType" for page in pages)
    assert sorted(numbers(pages)) == [n for n in range(80) if n % 3 != 1]
    assert upstream.count("referrers") == 4, "the list is kept between the pages"


def test_pages_of_referrers_go_on_in_a_list_that_has_changed(entrepot, upstream):
    described = add_many(upstream, 80, 95_000)
    first = entrepot.get(TARGET)
    assert entrepot.head(TARGET).headers["Content-Length"] == str(len(first.body))
    link = first.headers["Link"]
    entrepot.terminate()
    # The last entry of the first page goes, another one is added, and the order changes.
    gone = first.json()["manifests"][-1]
    changed = [each for each in reversed(described) if each != gone] + [referrer(99, "a/b")]
    upstream.script(faults.together(faults.body(index_of(changed).data), faults.without("Link")),
                    kind="referrers")
    entrepot.start()
    rest = numbers(follow(entrepot, link[1:link.index(">")]))
    got = numbers([first]) + rest
    assert len(got) == len(set(got)) and set(range(80)) <= set(got) <= {*range(80), 99}


def test_an_invalid_last_is_refused(entrepot, upstream):
    zero = "sha256:" + "0" * 64
    for last in ("x", zero, "@sha256:0", f"a%00@{zero}", f"@{zero}&last=", "%"):
        assert_error(entrepot.get(f"{TARGET}?last={last}"), 400, code="PAGINATION_NUMBER_INVALID")
    assert upstream.count() == 0
