# SPDX-License-Identifier: Apache-2.0
"""Manifests that are made to harm their parser."""

from support import content
from support.checks import REPOSITORY, assert_whole, blob_target, manifest_target
from support.gate import eventually


def test_index_that_names_one_child_many_times(start, upstream):
    """The work depends on the number of named objects, not on how often each is named: others are
    served meanwhile."""
    child = upstream.add_manifest(REPOSITORY, content.manifest_of({
        "schemaVersion": 2, "mediaType": content.OCI_MANIFEST,
        "layers": [{"digest": content.digest_of(str(n).encode())} for n in range(8000)],
    }, content.OCI_MANIFEST))
    index = upstream.add_manifest(REPOSITORY, content.manifest_of({
        "schemaVersion": 2, "mediaType": content.OCI_INDEX,
        "manifests": [{"digest": child.digest}] * 20_000}, content.OCI_INDEX), "many")
    blob = upstream.add_blob("library/other", content.blob(1000))
    entrepot = start()
    assert_whole(entrepot.get(manifest_target(child)), child)
    entrepot.download(manifest_target("many"))
    eventually(lambda: upstream.count("manifest", repository=REPOSITORY) == 2, what="the index GET")
    assert_whole(entrepot.get(blob_target(blob, "library/other")), blob)
    assert_whole(entrepot.get(manifest_target("many")), index)


def test_no_type_is_one_that_a_browser_runs(start, upstream):
    """The type in a manifest comes from a stranger."""
    page = upstream.add_manifest(REPOSITORY, content.manifest_of(
        {"schemaVersion": 2, "mediaType": "text/html", "layers": []}, "text/html"))
    entrepot = start()
    for _ in range(2):
        response = entrepot.get(manifest_target(page))
        assert_whole(response, page)
        assert response.headers["Content-Type"] == "application/octet-stream"
    for response in (response, entrepot.get("/v2/"), entrepot.get("/v2/none/blobs/x"),
                     entrepot.get("/nowhere"), entrepot.request("POST", "/v2/"),
                     entrepot.admin("/healthz"), entrepot.admin("/nowhere")):
        assert response.headers["X-Content-Type-Options"] == "nosniff", response.status
