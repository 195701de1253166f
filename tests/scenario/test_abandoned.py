# SPDX-License-Identifier: Apache-2.0
"""Clients that request much, that leave before the response, or that hardly read keep no transfer
of an upstream from waiting clients."""

from support import content, faults
from support.checks import REPOSITORY, assert_whole, blob_target
from support.content import KIB, MIB
from support.gate import DEADLINE, Gate, eventually

SLOTS = 45  # transfers of an upstream at once for one client; 5 are left for others
OTHER = "library/other"


def metric(entrepot, name: str, **labels) -> float:
    return entrepot.metrics().sum(name, **labels)


def test_requests_without_a_waiting_client_are_not_sent(start, upstream):
    gate = Gate()
    upstream.script(faults.hold(gate), kind="blob", method="GET")
    blobs = [upstream.add_blob(REPOSITORY, content.blob(KIB, seed=n)) for n in range(4 * SLOTS)]
    entrepot = start()
    staying = [entrepot.download(blob_target(blob)) for blob in blobs[:SLOTS]]
    gate.wait_arrived(SLOTS)
    leaving = [entrepot.download(blob_target(blob)) for blob in blobs[SLOTS:]]
    eventually(lambda: metric(entrepot, "transfers_queued") == len(leaving), what="a full queue")
    for download in leaving:
        download.leave()
    eventually(lambda: metric(entrepot, "connections") <= SLOTS + 1, what="that they have left")
    gate.open()
    for download, blob in zip(staying, blobs):
        assert_whole(download.finish(), blob)
    eventually(lambda: metric(entrepot, "flights") == 0, what="no flights")
    assert upstream.count("blob") == SLOTS
    eventually(lambda: metric(entrepot, "transfers_dropped_total", reason="left") == len(leaving),
               what="that they are counted")


def test_transfers_without_a_client_free_their_slots(start, upstream):
    """Transfers without a client end until enough slots are free for waiting ones; a later request
    resumes an ended transfer."""
    gate = Gate()
    size = 12 * MIB
    layers = [upstream.add_blob(REPOSITORY, content.blob(size, seed=n)) for n in range(5)]
    small = [upstream.add_blob(REPOSITORY, content.blob(KIB, seed=100 + n))
             for n in range(SLOTS - len(layers))]
    wanted = [upstream.add_blob(OTHER, content.blob(KIB, seed=200 + n)) for n in range(2)]
    upstream.script(faults.hold_at(2 * MIB, gate), kind="blob",
                    match=lambda request: request.reference in [layer.digest for layer in layers])
    upstream.script(faults.hold(gate), kind="blob",
                    match=lambda request: request.reference in [blob.digest for blob in small])
    entrepot = start(limits={"transfers_per_blob": 1})
    leaving = [entrepot.download(blob_target(blob)) for blob in layers]
    for download in leaving:
        download.wait_received(MIB)
    staying = [entrepot.download(blob_target(blob)) for blob in small]
    gate.wait_arrived(SLOTS)
    for download in leaving:
        download.leave()
    for blob in wanted:
        assert_whole(entrepot.get(blob_target(blob, OTHER)), blob)
    gate.open()
    for download, blob in zip(staying, small):
        assert_whole(download.finish(), blob)
    eventually(lambda: metric(entrepot, "flights") == 0, what="no flights")
    before, ended = upstream.body_bytes(), 0
    for blob in layers:
        response = entrepot.get(blob_target(blob))
        assert_whole(response, blob)
        ended += "hit" not in response.outcome
    assert 1 <= ended <= len(layers)
    assert upstream.body_bytes() - before <= ended * (size - MIB), "stored bytes are kept"
    eventually(lambda: metric(entrepot, "transfers_dropped_total", reason="yielded") == ended,
               what="that they are counted")


def test_abandoned_layers_end_with_an_idle_upstream(start, upstream):
    """A transfer without a client runs to its end if no request waits for its slot."""
    gate = Gate()
    blobs = [upstream.add_blob(REPOSITORY, content.blob(10 * MIB, seed=n)) for n in range(4)]
    upstream.script(faults.hold_at(MIB, gate), kind="blob")
    entrepot = start()
    downloads = [entrepot.download(blob_target(blob)) for blob in blobs]
    for download in downloads:
        download.wait_received(MIB // 2)
        download.leave()
    gate.open()
    eventually(lambda: metric(entrepot, "flights") == 0, what="no flights")
    asked = upstream.count("blob")
    for blob in blobs:
        assert_whole(entrepot.get(blob_target(blob)), blob)
    assert upstream.count("blob") == asked


def test_another_client_does_not_wait_for_a_flood(start, upstream):
    gate = Gate()
    upstream.script(faults.hold(gate), kind="blob", method="GET")
    blobs = {f"library/flood-{n}": content.blob(KIB, seed=n) for n in range(4 * SLOTS)}
    for repository, blob in blobs.items():
        upstream.add_blob(repository, blob)
    wanted = upstream.add_blob(OTHER, content.blob(KIB, seed=1000))
    entrepot = start()
    flood = [entrepot.download(blob_target(blob, repository))
             for repository, blob in blobs.items()]
    eventually(lambda: metric(entrepot, "transfers_queued") == 3 * SLOTS, what="a full queue")
    gate.wait_arrived(SLOTS)  # what is under way has reached the upstream, which logs it
    with entrepot.connect(source="127.0.0.2") as other:
        other.send_request("GET", blob_target(wanted, OTHER))
        gate.wait_arrived(SLOTS + 1)
        gate.open()
        assert_whole(other.read_response(), wanted)
    for download, blob in zip(flood, blobs.values()):
        assert_whole(download.finish(), blob)
    asked = [request.repository for request in upstream.requests("blob")]
    assert asked.index(OTHER) == SLOTS, "right behind those that were under way"


def test_slow_readers_of_what_passes_through_hold_no_transfer(start, upstream):
    """The requests take ten seconds, in which each could have had a window."""
    gate = Gate()
    passing = [upstream.add_blob(REPOSITORY, content.blob(12 * MIB, seed=n)) for n in range(3)]
    small = [upstream.add_blob(REPOSITORY, content.blob(KIB, seed=100 + n))
             for n in range(SLOTS - len(passing))]
    wanted = upstream.add_blob(OTHER, content.blob(KIB, seed=200))
    held = [blob.digest for blob in small]
    upstream.script(faults.hold(gate), kind="blob", match=lambda one: one.reference in held)
    entrepot = start(cache={"max_size": "16MiB", "reserve_free": 0},
                     timeouts={"first_byte": "120s", "send": "5m"})  # as if each one read a little
    slow = []
    for blob in passing:
        slow.append(entrepot.connect(receive_buffer=4096))
        slow[-1].send_request("GET", blob_target(blob))
        slow[-1].read_head()
    staying = [entrepot.download(blob_target(blob)) for blob in small]
    gate.wait_arrived(len(small))
    assert_whole(entrepot.get(blob_target(wanted, OTHER), timeout=2 * DEADLINE), wanted)
    gate.open()
    for download, blob in zip(staying, small):
        assert_whole(download.finish(), blob)
    for connection in slow:
        connection.close()
