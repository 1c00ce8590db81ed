"""A provider at the edge that says whatever a test wants: tokens that an honest one never signs."""

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from joserfc import jwt
from joserfc.jwk import RSAKey
from joserfc.jws import JWSRegistry

from .browser import asked_in
from .provider import CLIENT

NAME: Final = "liar"
KEY: Final = RSAKey.generate_key(2048, {"kid": "liar"})
"""One for all tests: its keys are remembered by who asks it."""
Reply = tuple[int, dict[str, str], bytes]
DISCOVERY: Final = "/.well-known/openid-configuration"


@dataclass
class Liar:
    """Answers by path: a document, or what a function makes of each request."""

    port: int
    key: RSAKey = field(default_factory=lambda: KEY)
    answers: dict[str, Any] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    _server: ThreadingHTTPServer | None = None

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        liar = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                length = int(self.headers.get("content-length") or 0)
                self.rfile.read(length)
                liar.asked.append(self.path)
                status, headers, body = liar._reply(self.path)
                self.send_response(status)
                for name, value in {"Content-Length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            do_POST = do_GET

            def log_message(self, *told: Any) -> None:
                """Says nothing."""

            def handle(self) -> None:
                try:
                    super().handle()
                except OSError:
                    """Nobody waited for it."""

        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def behave(self) -> None:
        """As an honest one would."""
        self.asked.clear()
        self.answers = {
            DISCOVERY: self.described(),
            "/jwks": {"keys": [self.key.as_dict(private=False)]},
        }

    def described(self, **otherwise: Any) -> dict[str, Any]:
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/auth",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/jwks",
            "userinfo_endpoint": f"{self.issuer}/me",
        } | otherwise

    def claims(self, url: str, who: str, **otherwise: Any) -> dict[str, Any]:
        """What an honest token says to who was sent to `url`; None leaves a claim out."""
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "sub": who,
            "aud": CLIENT,
            "nonce": asked_in(url)["nonce"],
            "iat": now,
            "exp": now + 300,
            "auth_time": now,
            "email": who,
            "email_verified": True,
        } | otherwise
        return {name: value for name, value in claims.items() if value is not None}

    def signed(self, claims: dict[str, Any], key: RSAKey | None = None, **header: Any) -> str:
        signing = key or self.key
        head = {"alg": "RS256", "kid": signing.kid, **header}
        registry = JWSRegistry(algorithms=["RS256"], strict_check_header=False)
        return jwt.encode(head, claims, signing, registry=registry)

    def give(self, token: Any, **more: Any) -> None:
        """For the next codes."""
        given = {"access_token": "a", "token_type": "Bearer", "id_token": token, **more}
        self.answers["/token"] = {name: value for name, value in given.items() if value is not None}

    def _reply(self, path: str) -> Reply:
        answer: Any | Callable[[], Reply] = self.answers.get(path.partition("?")[0])
        if answer is None:
            return 404, {}, b"{}"
        if callable(answer):
            made: Reply = answer()
            return made
        return 200, {"Content-Type": "application/json"}, json.dumps(answer).encode()
