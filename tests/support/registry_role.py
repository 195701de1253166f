# SPDX-License-Identifier: Apache-2.0
"""The answers of a well-behaved registry, token realm and CDN."""

from __future__ import annotations

import base64
import itertools
import json
import os
import re
import threading
from urllib.parse import quote

from .content import OCI_INDEX, Blob, Manifest
from .wire import Reply, Request

_ROUTES = [
    ("manifest", re.compile(r"^/v2/(?P<repository>.+)/manifests/(?P<reference>[^/]+)$")),
    ("blob", re.compile(r"^/v2/(?P<repository>.+)/blobs/(?P<reference>[^/]+)$")),
    ("tags", re.compile(r"^/v2/(?P<repository>.+)/tags/list$")),
    ("referrers", re.compile(r"^/v2/(?P<repository>.+)/referrers/(?P<reference>[^/]+)$")),
    ("ping", re.compile(r"^/v2/?$")),
    ("token", re.compile(r"^/token$")),
    ("cdn", re.compile(r"^/cdn/(?P<repository>.+)/(?P<reference>[^/]+)$")),
]


def error(status: int, code: str) -> Reply:
    body = json.dumps({"errors": [{"code": code, "message": code.lower()}]}).encode()
    return Reply(status, [("Content-Type", "application/json")], body, reason="Error")


class RegistryRole:
    def __init__(self, server):
        self._server = server
        self.blobs: dict[str, dict[str, tuple[Blob, str | None]]] = {}
        self.manifests: dict[str, dict[str, Manifest]] = {}
        self.tags: dict[str, dict[str, str]] = {}
        self.referrers: dict[tuple[str, str], list[dict]] = {}
        self.referrers_supported = True
        self.page_size: int | None = None

        # Authentication: None, "basic" or "bearer". The realm may be another server.
        self.auth: str | None = None
        self.realm: str | None = None
        self.service = "registry.test"
        self.users: dict[str, str] = {}  # empty: anonymous clients get tokens
        self.private: set[str] = set()   # repositories that anonymous tokens do not reach
        self.open: set[str] = set()      # repositories that need no login
        self.token_fields: dict = {"expires_in": 300}
        self.tokens: dict[str, tuple[str, bool]] = {}  # token → (scope, has a user)
        self._token_numbers = itertools.count(1)
        self._lock = threading.Lock()

        # Blobs by redirect to this server, with links signed for one generation.
        self.cdn = None
        self.link_generation = 0

    def require_bearer(self, realm: str | None = None, users: dict[str, str] | None = None) -> None:
        self.auth, self.realm, self.users = "bearer", realm, users or {}

    def require_basic(self, users: dict[str, str]) -> None:
        self.auth, self.users = "basic", users

    def revoke_tokens(self) -> None:
        """Ends all tokens, as 300 seconds would."""
        with self._lock:
            self.tokens.clear()

    def expire_links(self) -> None:
        """From now on the links made so far get 403."""
        self.link_generation += 1

    def classify(self, request: Request) -> None:
        for kind, pattern in _ROUTES:
            if match := pattern.match(request.path):
                request.kind = kind
                request.repository = match.groupdict().get("repository", "")
                request.reference = match.groupdict().get("reference", "")
                return

    def reply(self, request: Request) -> Reply:
        if request.kind == "token":
            return self._token(request)
        if request.kind == "cdn":
            return self._cdn(request)
        if request.kind == "other":
            return error(404, "UNKNOWN")
        if (refusal := self._refusal(request)) is not None:
            return refusal
        return getattr(self, f"_{request.kind}")(request)

    # Authentication.

    def _refusal(self, request: Request) -> Reply | None:
        if self.auth is None or request.repository in self.open:
            return None
        scheme, _, value = (request.authorization or "").partition(" ")
        if self.auth == "basic":
            if scheme == "Basic" and self._user_of(value) is not None:
                return None
            reply = error(401, "UNAUTHORIZED")
            reply.set("WWW-Authenticate", 'Basic realm="scripted"')
            return reply
        scope = f"repository:{request.repository}:pull"
        with self._lock:
            granted, has_user = self.tokens.get(value, ("", False))
        allowed = has_user or request.repository not in self.private
        if scheme == "Bearer" and allowed and (request.kind == "ping" or scope in granted.split()):
            return None
        reply = error(401, "UNAUTHORIZED")
        realm = self.realm or f"{self._server.url}/token"
        fields = f'Bearer realm="{realm}",service="{self.service}"'
        if request.kind != "ping":
            fields += f',scope="{scope}"'
        if value:
            fields += ',error="invalid_token"'
        reply.set("WWW-Authenticate", fields)
        return reply

    def _user_of(self, encoded: str) -> str | None:
        try:
            user, _, password = base64.b64decode(encoded).decode().partition(":")
        except ValueError:
            return None
        return user if self.users.get(user) == password else None

    def _token(self, request: Request) -> Reply:
        scheme, _, value = (request.authorization or "").partition(" ")
        user = self._user_of(value) if scheme == "Basic" else None
        if request.method != "GET" or (scheme and user is None) or (self.users and user is None):
            return error(401, "UNAUTHORIZED")
        with self._lock:
            token = f"token-{next(self._token_numbers)}"
            scopes = " ".join(request.query.get("scope", []))
            self.tokens[token] = (scopes, user is not None)
        body = json.dumps({"token": token, **self.token_fields}).encode()
        return Reply(200, [("Content-Type", "application/json")], body)

    # Resources.

    def _ping(self, _request: Request) -> Reply:
        return Reply(200, [("Content-Type", "application/json")], b"{}")

    def _manifest(self, request: Request) -> Reply:
        digest = self.tags.get(request.repository, {}).get(request.reference, request.reference)
        manifest = self.manifests.get(request.repository, {}).get(digest)
        if manifest is None:
            return error(404, "MANIFEST_UNKNOWN")
        return Reply(200, [("Content-Type", manifest.media_type),
                           ("Docker-Content-Digest", manifest.digest),
                           ("ETag", f'"{manifest.digest}"')], manifest.data)

    def _blob(self, request: Request) -> Reply:
        found = self.blobs.get(request.repository, {}).get(request.reference)
        if found is None:
            return error(404, "BLOB_UNKNOWN")
        # Like the large registries: the registry itself answers HEAD, the CDN delivers bodies.
        if self.cdn is not None and request.method == "GET":
            reply = Reply(307, [], b"", reason="Temporary Redirect")
            path = f"/cdn/{quote(request.repository)}/{request.reference}"
            reply.set("Location", f"{self.cdn.url}{path}?signature={self.link_generation}")
            self.cdn.role.blobs.setdefault(request.repository, {})[request.reference] = found
            return reply
        return self._content(request, *found)

    def _cdn(self, request: Request) -> Reply:
        signature = request.query.get("signature", [""])[0]
        found = self.blobs.get(request.repository, {}).get(request.reference)
        # Amazon and Azure alike: an Authorization header next to a signed link is an error.
        if request.authorization is not None:
            return error(400, "INVALID_ARGUMENT")
        valid = signature.isdecimal() and int(signature) >= self.link_generation
        if found is None or not valid or request.method != "GET":
            return error(403, "DENIED")
        return self._content(request, *found)

    def _content(self, request: Request, blob: Blob, path: str | None) -> Reply:
        reply = Reply(200, [("Content-Type", "application/octet-stream"),
                            ("Docker-Content-Digest", blob.digest), ("Accept-Ranges", "bytes"),
                            ("ETag", f'"{blob.digest}"')])
        size = os.stat(path).st_size if path else blob.size
        reply.body, reply.path, reply.length = blob.data, path, size
        match = re.match(r"^bytes=(\d+)-(\d*)$", request.range or "")
        if match and request.method == "GET":
            first = int(match[1])
            last = min(int(match[2]) if match[2] else size - 1, size - 1)
            if first >= size:
                refusal = error(416, "RANGE_INVALID")
                refusal.set("Content-Range", f"bytes */{size}")
                return refusal
            reply.status, reply.reason = 206, "Partial Content"
            reply.offset, reply.length = first, last - first + 1
            reply.set("Content-Range", f"bytes {first}-{last}/{size}")
        return reply

    def _tags(self, request: Request) -> Reply:
        if request.repository not in self.tags:
            return error(404, "NAME_UNKNOWN")
        tags = sorted(self.tags[request.repository])
        last = request.query.get("last", [""])[0]
        tags = [tag for tag in tags if tag > last]
        number = request.query.get("n", ["0"])[0]
        if not number.isdecimal():
            return error(400, "PAGINATION_NUMBER_INVALID")
        asked = int(number) or len(tags)
        page = min(asked, self.page_size or asked)
        reply = Reply(200, [("Content-Type", "application/json")])
        if page < len(tags):
            link = f"/v2/{request.repository}/tags/list?n={page}&last={tags[page - 1]}"
            reply.set("Link", f'<{link}>; rel="next"')
        reply.body = json.dumps({"name": request.repository, "tags": tags[:page]}).encode()
        return reply

    def _referrers(self, request: Request) -> Reply:
        if not self.referrers_supported:
            return error(404, "NOT_FOUND")
        manifests = self.referrers.get((request.repository, request.reference), [])
        body = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": manifests})
        return Reply(200, [("Content-Type", OCI_INDEX)], body.encode())
