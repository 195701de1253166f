# SPDX-License-Identifier: Apache-2.0
"""An issuer of JSON Web Tokens that publishes its keys by HTTPS."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from . import ports
from .jwts import Key
from .tls import Authority

METADATA, KEYS = "/.well-known/openid-configuration", "/keys"


class Provider:
    """Answers on 127.0.0.1; after close() nobody answers on its port. `answers`: path → status and body instead of the usual
    ones; `token`: requests without it get 401. `requests`: the paths of all requests so far."""

    def __init__(self, authority: Authority, *keys: Key):
        self.keys, self.answers, self.requests = list(keys), {}, []
        self.token: str | None = None
        self.jwks_uri: str | None = None
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):  # noqa: N802
                provider.requests.append(self.path)
                status, body = provider.answer(self.path, self.headers.get("Authorization"))
                self.send_response(status)
                if 300 <= status < 400:
                    self.send_header("Location", provider.issuer + KEYS)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", ports.keep()), Handler)
        self._server.daemon_threads = True
        self._server.socket = authority.server().wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_address[1]
        self.issuer = f"https://localhost:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def answer(self, path: str, authorization: str | None) -> tuple[int, bytes]:
        if self.token is not None and authorization != f"Bearer {self.token}":
            return 401, b"{}"
        if path in self.answers:
            return self.answers[path]
        if path == METADATA:
            return 200, json.dumps({"issuer": self.issuer,
                                    "jwks_uri": self.jwks_uri or self.issuer + KEYS}).encode()
        if path == KEYS:
            return 200, json.dumps({"keys": [key.jwk() for key in self.keys]}).encode()
        return 404, b"{}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
