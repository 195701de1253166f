# SPDX-License-Identifier: Apache-2.0
"""The requests of clients in a case, and the rules for every answer, whatever the upstream sent."""

from __future__ import annotations

import json
import random
import re
import threading
import time
from collections import Counter

from support import content, multipart
from support.client import Closed, Connection, Response
from support.gate import DEADLINE

from .scene import REPOSITORY, Case

# The longest that a request may take: every endpoint may be silent for the configured time, some
# rounds of them, on a busy machine.
LONGEST = 4 * DEADLINE
FIELDS = {"accept-ranges", "age", "allow", "cache-control", "cache-status", "connection", "date",
          "content-length", "content-range", "content-type", "docker-content-digest",
          "docker-distribution-api-version", "etag", "link", "oci-filters-applied", "oci-namespace",
          "retry-after", "transfer-encoding", "vary", "warning", "x-content-type-options"}
STATUSES = {200, 206, 304, 400, 401, 402, 403, 404, 412, 416, 422, 429, 451, 500, 501, 502, 503, 504,
            508}


class Violation(AssertionError):
    """The mirror has broken a rule that always holds."""


class Tally:
    """Counts of all outcomes; printed as a line at the end, so that a campaign that reaches nothing
    shows."""

    def __init__(self):
        self._lock = threading.Lock()
        self.outcomes: Counter = Counter()
        self.longest = 0.0

    def note(self, what: str, took: float = 0.0) -> None:
        with self._lock:
            self.outcomes[what] += 1
            self.longest = max(self.longest, took)


def require(held: bool, text: str) -> None:
    if not held:
        raise Violation(text)


class Visitor:
    """The clients of one case, `ns` the name of its upstream."""

    def __init__(self, port: int, ns: str, case: Case, tally: Tally):
        self._port, self._ns, self._case, self._tally = port, ns, case, tally
        self._rng = random.Random(f"{case.seed} visitor")
        self._problems: list[str] = []

    def run(self) -> None:
        """Rounds of one to three requests at once; then the answers of a calm upstream are
        compared."""
        for _ in range(self._rng.randrange(3, 9)):
            self._together([self._question() for _ in range(self._rng.choice((1, 1, 2, 3)))])
        self._case.calm = True
        self._together([self._compare_head_and_get])

    def _together(self, questions: list) -> None:
        threads = [threading.Thread(target=self._guarded, args=(one,), daemon=True)
                   for one in questions]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(LONGEST + DEADLINE)
            require(not thread.is_alive(), "a question without an end")
        if self._problems:
            raise Violation("\n".join(self._problems))

    def _guarded(self, question) -> None:
        try:
            question()
        except Exception as problem:  # of all kinds: one in this file must not pass for a silence
            self._problems.append(f"{type(problem).__name__}: {problem}")

    # The requests.

    def _question(self):
        rng, case = self._rng, self._case
        seed = rng.random()  # of its own: the order of threads decides nothing
        kinds = [(6, self._ask_blob), (4, self._ask_range), (4, self._ask_tag), (3, self._ask_manifest),
                 (1, self._ask_tags), (1, self._ask_referrers), (2, self._leave), (0.5, self._ask_absent)]
        kind = rng.choices([one for _, one in kinds], [weight for weight, _ in kinds])[0]
        # The requests of one round often have the same blob.
        blob = rng.choice(list(case.blobs.values())[:rng.choice((1, 99))])
        return lambda: kind(random.Random(seed), blob)

    def _send(self, rng: random.Random, method: str, path: str, query: str = "", headers=(),
              leave: float | None = None) -> Response | None:
        target = f"/v2/{REPOSITORY}/{path}?ns={self._ns}{query}"
        fields = list(headers)
        begun = time.monotonic()
        with Connection(self._port, timeout=LONGEST) as connection:
            connection.send_request(method, target, [*fields, ("Connection", "close")])
            self._case.step()
            if leave == 0:
                return None
            try:
                response = connection.read_response(
                    method, on_bytes=lambda received: self._progress(received, leave))
                rest = connection.receive_until_close(LONGEST) if response.complete else b""
            except _Left:
                return None
            except (Closed, TimeoutError) as problem:
                raise Violation(f"{method} {target}: no answer after "
                                f"{time.monotonic() - begun:.1f} s: {problem!r}") from problem
        question = f"{method} {target} {fields}"
        took = time.monotonic() - begun
        require(took < LONGEST, f"{question}: took {took:.0f} s")
        require(not rest, f"{question}: bytes behind the answer: {rest[:100]!r}")
        self._case.step()
        self._judge_form(question, method, response)
        cut = "" if response.complete else " cut"
        found = re.search(r"; (hit|fwd=[\w-]+)", response.outcome)
        self._tally.note(f"{response.status}{cut} {found[1] if found else '-'}", took)
        return response

    def _progress(self, received: int, leave: float | None) -> None:
        self._case.step()
        if leave is not None and received >= leave:
            raise _Left

    def _ask_blob(self, rng: random.Random, blob: content.Blob) -> None:
        path = f"blobs/{blob.digest}"
        method = rng.choice(("GET", "GET", "GET", "HEAD"))
        headers = rng.choice(([], [], [("If-None-Match", f'"{blob.digest}"')],
                              [("Accept-Encoding", "gzip")], [("If-None-Match", '"x"')]))
        self._judge_whole(method, path, self._send(rng, method, path, headers=headers), blob.digest,
                          blob.data)

    def _ask_range(self, rng: random.Random, blob: content.Blob) -> None:
        size = max(1, blob.size)
        first = rng.randrange(size)
        last = rng.randrange(first, size)
        text = rng.choice((f"{first}-{last}", f"{first}-{last}", f"0-{last}", f"{first}-", f"-{last + 1}",
                           "0-0", f"{size - 1}-{size + 5}", f"{size}-", f"0-9,{first}-{last},-1",
                           ",".join(f"{at}-{at + 3}" for at in range(0, size, size // 20 + 7))))
        path = f"blobs/{blob.digest}"
        response = self._send(rng, "GET", path, headers=[("Range", f"bytes={text}")])
        if response.status == 206:
            self._judge_parts(f"bytes={text} of {blob.size}", response, blob)
        elif response.status != 416:  # of a size that is a lie, as far as anyone knows
            self._judge_whole("GET", path, response, blob.digest, blob.data)

    def _ask_tag(self, rng: random.Random, _blob) -> None:
        tag, method = rng.choice(("latest", "v0", "v1")), rng.choice(("GET", "GET", "HEAD"))
        headers = [("Accept", ", ".join((content.OCI_INDEX, content.OCI_MANIFEST, content.DOCKER_LIST,
                                         content.DOCKER_MANIFEST)))]
        if rng.random() < 0.4:
            headers.append(("Cache-Control", "no-cache"))
        response = self._send(rng, method, f"manifests/{tag}", headers=headers)
        if response.status != 200:
            return
        digest = response.headers.get("Docker-Content-Digest", "")
        require(re.fullmatch(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}", digest) is not None,
                f"tag {tag}: digest {digest!r}")
        if method == "GET" and response.complete:
            algorithm = digest.partition(":")[0]
            require(content.digest_of(response.body, algorithm) == digest,
                    f"tag {tag}: the body is not {digest}: {response.body[:200]!r}")

    def _ask_manifest(self, rng: random.Random, _blob) -> None:
        manifest = rng.choice(list(self._case.manifests.values()))
        path, method = f"manifests/{manifest.digest}", rng.choice(("GET", "GET", "HEAD"))
        self._judge_whole(method, path, self._send(rng, method, path), manifest.digest, manifest.data)

    def _ask_tags(self, rng: random.Random, _blob) -> None:
        query = rng.choice(("", "&n=1", "&n=2&last=latest", "&last=zzz"))
        response = self._send(rng, "GET", "tags/list", query)
        if response.status == 200 and response.complete:
            document = json.loads(response.body)
            require(isinstance(document["tags"], list)
                    and all(re.fullmatch(r"\w[\w.-]{0,127}", tag) for tag in document["tags"]),
                    f"tags: {response.body[:300]!r}")

    def _ask_referrers(self, rng: random.Random, _blob) -> None:
        query = rng.choice(("", "&artifactType=test/sbom", "&artifactType=none"))
        digest = rng.choice((self._case.subject.digest, self._case.index.digest))
        response = self._send(rng, "GET", f"referrers/{digest}", query)
        if response.status == 200 and response.complete:
            document = json.loads(response.body)
            require(isinstance(document["manifests"], list), f"referrers: {response.body[:300]!r}")

    def _ask_absent(self, rng: random.Random, _blob) -> None:
        path = rng.choice((f"blobs/sha256:{rng.randbytes(32).hex()}", "manifests/absent",
                           f"manifests/sha256:{rng.randbytes(32).hex()}"))
        response = self._send(rng, rng.choice(("GET", "HEAD")), path)
        if "sha256:" in path and response.complete and response.status in (200, 206):
            require(response.received == 0, f"{path}: {response.received} bytes of no object")

    def _leave(self, rng: random.Random, blob: content.Blob) -> None:
        path = rng.choice((f"blobs/{blob.digest}", f"blobs/{blob.digest}", "manifests/latest",
                           "tags/list"))
        headers = rng.choice(([], [("Range", f"bytes={blob.size // 2}-{blob.size // 2 + 9}")]))
        self._send(rng, "GET", path, headers=headers, leave=rng.choice((0, 1, 1 + blob.size * rng.random())))

    # The rules for their answers.

    @staticmethod
    def _judge_form(question: str, method: str, response: Response) -> None:
        text = f"{question}: {response.status} {response.headers}"
        require(response.status in STATUSES, text)
        names = [name.lower() for name, _ in response.headers.fields]
        require(set(names) <= FIELDS, f"a field that is not ours: {text}")
        framing = [name for name in names if name in ("content-length", "transfer-encoding")]
        require(len(framing) <= 1 and len(set(names)) == len(names), f"a field twice: {text}")
        require(all(re.fullmatch(r"[\t -~]*", value) for _, value in response.headers.fields),
                f"odd bytes in a field: {text}")
        if response.status >= 400 and method == "GET":
            require(response.complete, f"an error cut short: {text}")
            require(bool(json.loads(response.body)["errors"][0]["code"]), f"no error code: {text}")

    @staticmethod
    def _judge_whole(method: str, path: str, response: Response, digest: str, data: bytes) -> None:
        """By digest: the right bytes, or no complete response."""
        if response.status not in (200, 206):
            return
        require(response.headers.get("Docker-Content-Digest") == digest,
                f"{path}: {response.headers}")
        if method == "GET" and response.complete:
            require(response.body == data, f"WRONG BYTES: {path}: {response.received} of {len(data)}, "
                                           f"{response.headers}")

    def _judge_parts(self, asked: str, response: Response, blob: content.Blob) -> None:
        """Parts without a proof may have any bytes; a client that requests parts verifies them."""
        if not response.complete:
            return
        if response.headers["Content-Type"].startswith("multipart/"):
            parts = multipart.parts_of(response)
        else:
            found = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", response.headers["Content-Range"])
            require(found is not None, f"{asked}: {response.headers}")
            parts = [(*(int(number) for number in found.groups()), response.body)]
        stored = "; hit" in response.outcome and "unproven" not in response.outcome
        for first, last, size, data in parts:
            require(first <= last < size and len(data) == last - first + 1,
                    f"{asked}: {len(data)} bytes, {response.headers}")
            right = size == blob.size and data == blob.data[first:last + 1]
            require(right or not (stored or size <= content.TAIL),
                    f"WRONG BYTES: {asked}: {response.headers}")
            if not right:
                self._tally.note("unproven part, wrong")

    def _compare_head_and_get(self) -> None:
        """HEAD and GET of a stored object have the same headers."""
        compared = ("Content-Length", "Docker-Content-Digest", "Content-Type", "ETag", "Accept-Ranges")
        things = [(f"blobs/{digest}", digest, blob.data) for digest, blob in self._case.blobs.items()]
        things += [(f"manifests/{digest}", digest, one.data)
                   for digest, one in self._case.manifests.items()]
        for path, digest, data in things:
            whole = self._send(self._rng, "GET", path)
            self._judge_whole("GET", path, whole, digest, data)
            if whole.status != 200 or not whole.complete:
                continue
            head = self._send(self._rng, "HEAD", path)
            if "; hit" not in head.outcome:
                continue
            for name in compared:
                require(head.headers.get(name) == whole.headers.get(name) and head.status == 200,
                        f"{path}: HEAD says {head.headers}, GET {whole.headers}")
            require(head.headers["Content-Length"] == str(len(data)), f"{path}: {head.headers}")


class _Left(Exception):
    """The client has had enough."""
