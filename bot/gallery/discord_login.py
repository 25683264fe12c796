"""Sign-in with Discord: OAuth2's authorization code grant with state and PKCE (RFC 6749, RFC 7636).

Of Discord nothing is kept but the member's id and name. The access token is revoked at once.
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from typing import NamedTuple

import aiohttp
from yarl import URL

from bot.domain.model import Member
from bot.errors import BotError
from bot.gallery.plan import GalleryPlan

TIMEOUT = aiohttp.ClientTimeout(total=10)
_LOCAL_PATH = re.compile(r"/(?![/\\])[\w\-./?=&%+~]{0,500}")


class SignInRefused(BotError):
    """Discord did not say who this is."""


class SignIn(NamedTuple):
    """A sign-in under way."""

    verifier: str
    """The PKCE code verifier, a secret of this process."""
    after: str
    """The page to return to."""


class DiscordLogin:
    """Talks to Discord's OAuth2 endpoints (https://docs.discord.com/developers/topics/oauth2)."""

    def __init__(self, plan: GalleryPlan, redirect: URL) -> None:
        self._plan, self._redirect = plan, str(redirect)
        self._origin = URL(plan.discord)

    def begin(self, after: str) -> SignIn:
        """Return a new sign-in; `after` is a path of this page, anything else becomes the first page."""
        return SignIn(secrets.token_urlsafe(48), after if _LOCAL_PATH.fullmatch(after) else "/")

    def address(self, sign_in: SignIn, state: str) -> URL:
        """Return the page of Discord that asks the member."""
        digest = hashlib.sha256(sign_in.verifier.encode()).digest()
        return (self._origin / "oauth2/authorize").with_query(
            response_type="code",
            client_id=str(self._plan.client_id),
            scope="identify",
            state=state,
            redirect_uri=self._redirect,
            code_challenge=base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            code_challenge_method="S256",
            prompt="none",
        )

    async def finish(self, sign_in: SignIn, code: str) -> Member:
        """Exchange the code and return who it stands for. Raises `SignInRefused`."""
        try:
            async with aiohttp.ClientSession(timeout=TIMEOUT) as session:
                token = await self._token(session, sign_in, code)
                member = await self._member(session, token)
                await self._revoke(session, token)
                return member
        except (aiohttp.ClientError, TimeoutError, ValueError, KeyError, TypeError) as error:
            raise SignInRefused(f"Discord did not answer as expected ({type(error).__name__})") from error

    async def _token(self, session: aiohttp.ClientSession, sign_in: SignIn, code: str) -> str:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._redirect,
            "code_verifier": sign_in.verifier,
        }
        async with session.post(self._origin / "api/oauth2/token", data=form, headers=self._basic) as response:
            if response.status != 200:
                raise SignInRefused(f"Discord refused the sign-in (status {response.status})")
            return str((await response.json())["access_token"])

    async def _member(self, session: aiohttp.ClientSession, token: str) -> Member:
        bearer = {"Authorization": f"Bearer {token}"}
        async with session.get(self._origin / "api/users/@me", headers=bearer) as response:
            if response.status != 200:
                raise SignInRefused(f"Discord did not say who this is (status {response.status})")
            found = await response.json()
            return Member(id=int(found["id"]), name=str(found.get("global_name") or found["username"])[:80])

    async def _revoke(self, session: aiohttp.ClientSession, token: str) -> None:
        address = self._origin / "api/oauth2/token/revoke"
        async with session.post(address, data={"token": token}, headers=self._basic):
            pass

    @property
    def _basic(self) -> dict[str, str]:
        return {"Authorization": aiohttp.encode_basic_auth(str(self._plan.client_id), self._plan.client_secret)}
