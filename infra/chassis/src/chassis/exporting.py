"""What a service keeps of a user, as rows, for whoever puts together all that is kept of them."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from sqlalchemy import text

from chassis.database import Database
from chassis.identity import only_from

Queries = Mapping[str, str]
"""By what they find: a select of what is the user's (`:user`), and nobody else's."""
Rows = dict[str, list[Any]]


async def rows_of(database: Database, queries: Queries, user_id: UUID) -> Rows:
    """The rows that each query finds, as JSON; all as they were at one moment."""
    found: Rows = {}
    async with database.transaction() as session:
        await session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
        for name, query in queries.items():
            as_json = text(f"select to_jsonb(mine) from ({query}) mine")  # noqa: S608 - ours
            found[name] = list((await session.scalars(as_json, {"user": user_id})).all())
    return found


def router_of(queries: Queries, *services: str) -> APIRouter:
    """`GET /v1/exports/{user_id}` for these services; the database is `app.state.database`."""
    router = APIRouter(prefix="/v1/exports", dependencies=[Depends(only_from(*services))])

    @router.get("/{user_id}")
    async def export(user_id: UUID, request: Request) -> Rows:
        """Everything of a user in this service's tables."""
        return await rows_of(request.app.state.database, queries, user_id)

    return router
