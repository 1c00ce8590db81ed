"""authlib's OAuth 2 client on our httpx."""

from typing import Any

from authlib.oauth2.client import OAuth2Client  # type: ignore[import-untyped, unused-ignore]


class OAuthClient(OAuth2Client):  # type: ignore[misc, unused-ignore]  # authlib brings no types
    """Asks by its `session`, which is an `httpx.AsyncClient` or asks as one does.

    authlib's own `AsyncOAuth2Client` runs on httpx2 where that happens to be installed, and warns
    where it is not: with CrewAI beside us it would be another library than in a service's image.
    """

    async def _fetch_token(
        self, url: str, *, body: str, headers: Any, auth: Any, method: str
    ) -> dict[str, Any]:
        url, headers, body = auth.prepare(method, url, headers, body)
        answer = await self.session.request(method, url, content=body, headers=headers)
        answer.raise_for_status()
        token: dict[str, Any] = self.parse_response_token(answer)
        return token
