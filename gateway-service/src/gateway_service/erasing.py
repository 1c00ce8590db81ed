"""What Redis has of somebody goes when their account does."""

from typing import Final
from uuid import UUID

from redis.asyncio import Redis

AT_ONCE: Final = 1_000


class Erasing:
    """Every key of a user has their id in its name, and is found by it."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def erase(self, user_id: UUID) -> None:
        """Feed, states, answers to repeat, limits: nothing stays."""
        mine = [key async for key in self._redis.scan_iter(f"*{user_id}*", count=AT_ONCE)]
        if mine:
            await self._redis.unlink(*mine)
