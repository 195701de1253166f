# SPDX-License-Identifier: Apache-2.0
"""Stored bytes that have changed: no client ever receives them as a complete response."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from support import content, logins
from support.checks import REPOSITORY, assert_hit, assert_whole, blob_target
from support.gate import eventually

KIB, MIB = content.KIB, content.MIB
COUNT = 100
TOKEN = "entrepot_" + "t" * 43


def file_of(entrepot, blob) -> Path:
    name = blob.digest.split(":")[1]
    return Path(entrepot.config["cache"]["directory"]) / "blobs" / "sha256" / name[:2] / name


def flip_a_bit(file: Path, rng: random.Random) -> None:
    with open(file, "r+b") as opened:
        at = rng.randrange(file.stat().st_size)
        opened.seek(at)
        byte = opened.read(1)[0]
        opened.seek(at)
        opened.write(bytes([byte ^ 1 << rng.randrange(8)]))


def fill(entrepot, upstream, count: int, size: int):
    blobs = [upstream.add_blob(REPOSITORY, content.blob(size, seed=1000 + n)) for n in range(count)]
    for blob in blobs:
        assert_whole(entrepot.get(blob_target(blob)), blob)
    eventually(lambda: entrepot.metrics().sum("cache_objects", kind="blob") == count, what="all kept")
    return blobs


def test_every_flipped_bit_is_found_after_an_unclean_end(start, upstream):
    """All 100 are found before the reply is complete, and the client sees no fault."""
    rng = random.Random(7)
    entrepot = start(cache={"scrub_rate": 0})
    blobs = fill(entrepot, upstream, COUNT, 280 * KIB)
    entrepot.kill9()
    for blob in blobs:
        flip_a_bit(file_of(entrepot, blob), rng)
    upstream.forget()
    entrepot.start()
    for blob in blobs:
        assert_whole(entrepot.get(blob_target(blob)), blob)
    found = "does not have that digest any more"
    eventually(lambda: sum(found in line for line in entrepot.log.lines) == COUNT, what="a line for each")
    # The recovery counts a file once more if it finds it after its entry is erased and before it is removed.
    assert entrepot.metrics().sum("cache_evictions_total", reason="corrupt") >= COUNT
    assert upstream.count("blob", method="GET") == COUNT
    for blob in blobs:
        assert_hit(entrepot.get(blob_target(blob)), blob)


def test_the_scrub_finds_flipped_bits_without_requests(start, upstream):
    rng = random.Random(8)
    entrepot = start(cache={"scrub_rate": "64MiB"})
    blobs = fill(entrepot, upstream, 5, MIB)
    entrepot.terminate()
    for blob in blobs:
        flip_a_bit(file_of(entrepot, blob), rng)
    entrepot.start()
    # The scrub may pause for a week after a round; the first round here had nothing to read.
    eventually(lambda: entrepot.metrics().sum("cache_evictions_total", reason="corrupt") >= 5,
               what="five found")
    assert entrepot.metrics().sum("scrubbed_bytes_total") == 5 * MIB
    entrepot.log.wait_for(r"error .*does not have that digest any more")
    for blob in blobs:
        assert_whole(entrepot.get(blob_target(blob)), blob)


def test_intact_blobs_are_not_fetched_again(start, upstream):
    entrepot = start()
    blobs = fill(entrepot, upstream, 10, 300 * KIB)
    entrepot.kill9()
    upstream.forget()
    entrepot.start()
    for blob in blobs:
        assert_hit(entrepot.get(blob_target(blob)), blob)
    assert upstream.count("blob") == 0
    entrepot.log.wait_for(r"warn .*the last process did not end in order")


def repeated_reads(entrepot) -> float:
    return entrepot.metrics().sum("cache_repeated_reads_total")


@pytest.mark.parametrize("login", [False, True])
def test_a_client_that_requests_a_changed_blob_again_gets_the_right_bytes(start, upstream, tmp_path, login):
    tokens = logins.write_tokens(tmp_path / "tokens.json", {"node": TOKEN})
    listen = {"address": "127.0.0.1:0", **({"auth": {"tokens": str(tokens)}} if login else {})}
    headers = logins.bearer(TOKEN) if login else {}

    def get():
        return entrepot.get(blob_target(blob), headers=headers)
    blob = upstream.add_blob(REPOSITORY, content.blob(3 * MIB, seed=5))
    entrepot = start(cache={"scrub_rate": 0}, listen=[listen])
    assert_whole(get(), blob)
    eventually(file_of(entrepot, blob).exists, what="stored")
    entrepot.restart()
    flip_a_bit(file_of(entrepot, blob), random.Random(9))
    upstream.forget()
    assert get().body != blob.data, "the client notices by the digest"
    assert_whole(get(), blob)
    assert repeated_reads(entrepot) == 1
    assert entrepot.metrics().sum("cache_evictions_total", reason="corrupt") == 1
    assert upstream.count("blob", method="GET") == 1
    entrepot.log.wait_for(f"error .*{blob.digest} does not have that digest any more")
    assert_hit(get(), blob)
    assert repeated_reads(entrepot) == 1


def test_only_a_repeated_request_for_a_whole_blob_is_a_sign(start, upstream):
    entrepot = start()
    blob, = fill(entrepot, upstream, 1, MIB)
    for _ in range(2):
        assert_whole(entrepot.get(blob_target(blob)), blob)
    assert repeated_reads(entrepot) == 0, "verified while it arrived"
    entrepot.restart()
    upstream.forget()
    assert_whole(entrepot.get(blob_target(blob)), blob)
    for _ in range(2):
        assert entrepot.request("HEAD", blob_target(blob)).status == 200
        answer = entrepot.get(blob_target(blob), headers={"Range": "bytes=0-99"})
        assert answer.body == blob.data[:100]
    assert repeated_reads(entrepot) == 0
    for _ in range(3):
        assert_whole(entrepot.get(blob_target(blob)), blob)
    assert repeated_reads(entrepot) == 1
    assert upstream.count() == 0
