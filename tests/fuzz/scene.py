# SPDX-License-Identifier: Apache-2.0
"""One case: a registry of its own with two endpoints, another mirror, a CDN and a token server,
their contents, and which of their answers are spoilt. All of it follows from the case's seed,
independent of the order in which requests come."""

from __future__ import annotations

import random
import threading
from collections import Counter

from support import content, wire
from support.upstream import ScriptedUpstream

from . import mutations
from .answer import Answer, deliver

KIB, MIB = content.KIB, content.MIB
REPOSITORY = "library/app"
# Sizes around the bounds between inline in the index, gathered in memory, and more than one
# transfer.
SIZES = [0, 1, 700, 4 * KIB, 64 * KIB, 64 * KIB + 1, content.TAIL, content.TAIL + 1, 300 * KIB, MIB,
         MIB + 1, 2 * MIB + 77, 5 * MIB]
WEIGHTS = [1, 1, 3, 3, 2, 2, 2, 2, 4, 1, 2, 2, 0.3]
PAUSE = 0.03  # s, at most: a moment in which the other side may do something


class Case:
    def __init__(self, seed: int):
        self.seed = seed
        self.rng = random.Random(seed)
        self.calm = False      # from now on all answers are valid
        self.over = threading.Event()
        self.spoilt: list[str] = []  # what was done to which question's answer
        self.questions = 0
        self._lock = threading.Lock()
        self._asked: Counter = Counter()
        self._step = threading.Condition()
        self.share = self.rng.choice((0.15, 0.4, 0.7))  # of the answers are spoilt
        self._make_content()
        self._make_upstreams()

    def _make_content(self) -> None:
        rng = self.rng
        sizes = rng.choices(SIZES, WEIGHTS, k=rng.randrange(1, 4))
        kinds = (content.OCI_MANIFEST, content.DOCKER_MANIFEST)
        self.images = [content.image(tuple(sizes), seed=self.seed * 8 + n, media_type=rng.choice(kinds))
                       for n in range(2)]
        self.index = content.index(self.images, media_type=rng.choice((content.OCI_INDEX,
                                                                      content.DOCKER_LIST)))
        self.blobs = {blob.digest: blob for image in self.images for blob in image.blobs}
        self.manifests = {one.digest: one for one in (self.index, *(i.manifest for i in self.images))}
        subject = self.images[0].manifest
        signature = content.image((700,), seed=self.seed * 8 + 7, subject=subject.descriptor())
        self.manifests[signature.manifest.digest] = signature.manifest
        self.blobs |= {blob.digest: blob for blob in signature.blobs}
        self.referrers = [signature.manifest.descriptor(artifactType=kind)
                          for kind in ("test/signature", "test/sbom")]
        self.subject = subject
        self.digests = [*self.blobs, *self.manifests]

    def _make_upstreams(self) -> None:
        rng = self.rng
        self.endpoints = [self._upstream("endpoint"), self._upstream("second"),
                          self._upstream("mirror")][:rng.choice((1, 1, 2, 3))]
        self.servers = list(self.endpoints)
        cdn = self._upstream("cdn") if rng.random() < 0.4 else None
        bearer, paged = rng.random() < 0.5, rng.choice((None, 1, 3))
        tokens = self._upstream("tokens") if bearer and rng.random() < 0.5 else None
        for server in self.endpoints:
            role = server.role
            role.cdn, role.page_size = cdn, paged
            for digest, blob in self.blobs.items():
                role.blobs.setdefault(REPOSITORY, {})[digest] = (blob, None)
            role.manifests[REPOSITORY] = dict(self.manifests)
            role.tags[REPOSITORY] = {"latest": self.index.digest,
                                     **{f"v{n}": image.manifest.digest
                                        for n, image in enumerate(self.images)}}
            role.referrers[REPOSITORY, self.subject.digest] = self.referrers
            if bearer:
                role.require_bearer(f"{tokens.url}/token" if tokens else None)
                if tokens:
                    role.tokens = tokens.role.tokens  # tokens of that server are valid here
        self.servers += [one for one in (cdn, tokens) if one]

    def _upstream(self, name: str) -> ScriptedUpstream:
        server = ScriptedUpstream()
        server.sender = lambda connection, request, reply: _Delivery(self, name, connection, request,
                                                                     reply)
        return server

    def settings(self) -> dict:
        """The configuration of the upstream."""
        endpoints = [{"url": one.url, "ns": n == 2} for n, one in enumerate(self.endpoints)]
        return {"endpoints": endpoints, "internal": True,
                "access": self.rng.choice(("public", "public", "restricted")),
                "tags": {"fresh_for": self.rng.choice(("0s", "1h")), "stale_for": "7d"}}

    def stop(self) -> None:
        self.over.set()
        for server in self.servers:
            server.stop()

    def step(self) -> None:
        """A client has done something: paused answers go on."""
        with self._step:
            self._step.notify_all()

    def pause(self) -> None:
        with self._step:
            self._step.wait(PAUSE)

    def answer(self, server: str, request: wire.Request, reply: wire.Reply) -> Answer:
        answer = Answer.of(request, reply)
        question = f"{server} {request.method} {request.target} {request.range or ''}"
        with self._lock:
            self._asked[question] += 1
            self.questions += 1
            number = self._asked[question]
        rng = random.Random(f"{self.seed} {_stable(self, question)} {number}")
        if not self.calm and rng.random() < self.share:
            names = mutations.spoil(rng, answer, request, self.digests)
            with self._lock:
                self.spoilt.append(f"{question.strip()}: {', '.join(names)}: {answer.line[:60]!r} "
                                   f"{_excerpt(answer)}")
        return answer


def _stable(case: Case, question: str) -> str:
    """Without the ports, which are others in each run."""
    for server in case.servers:
        question = question.replace(str(server.port), "")
    return question


def _excerpt(answer: Answer) -> str:
    fields = " | ".join(f"{name[:30]!r}: {value[:60]!r}" for name, value in answer.fields[:12])
    return (f"{fields}; {len(answer.fields)} fields, {len(answer.body)} bytes, {answer.framing}, "
            f"{answer.ending} at {answer.ends_at}")


class _Delivery:
    """Sends a valid answer as its case wants it; support.wire.Sender sends all others."""

    def __init__(self, case: Case, server: str, connection, request: wire.Request, reply: wire.Reply):
        self._case, self._connection, self._request = case, connection, request
        self._answer = case.answer(server, request, reply)

    def send(self) -> None:
        self._request.bytes_sent = deliver(self._connection, self._answer, self._case.pause,
                                           lambda: self._case.over.wait(60))
