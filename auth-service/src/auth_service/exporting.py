"""All that this service keeps of a user, for who knows their password; others tell of the rest."""

from typing import Final

from auth_service import audit, security
from auth_service.desk import Desk, Present
from auth_service.signing_in import lock_proved, prove
from chassis.exporting import Rows, rows_of
from journal_contracts.sessions import ExportOrder

QUERIES: Final = {
    "account": "select id, email, created_at, verified_at from account where id = :user",
    "sessions": """
        select id, agent, amr, auth_time, created_at, seen_at, expires_at, ended_at, ended_for
          from session where user_id = :user order by created_at
    """,
    "identities": """
        select provider, issuer, subject, email, linked_at, used_at from identity
         where user_id = :user order by linked_at
    """,
    "roles": "select role, granted_by, granted_at, until from account_role where user_id = :user",
    "second_factor": "select confirmed_at from second_factor where user_id = :user",
    "keys": """
        select provider, version, last_four, fingerprint, created_at, used_at from provider_key
         where user_id = :user order by provider
    """,
    "notices": "select * from notice where user_id = :user order by noted_at",
    "notice_wishes": "select questions, books from notice_wish where user_id = :user",
    "acts": """
        select at, act, (payload::jsonb - 'salt') as told
          from audit_payload join audit_entry using (shard, seq)
         where user_id = :user order by at, seq
    """,
}
"""No password, digest or key: what proves who somebody is tells nothing about them."""


async def export(at: Desk, who: Present, order: ExportOrder) -> Rows:
    """The rows; that they were asked for stands in the audit first, and among them."""
    await prove(at, who, order.password)
    async with at.database.transaction() as session:
        await lock_proved(session, who)
        await audit.append(session, "exported", who.account.id)
    security.note("exported", who.account.id)
    return await rows_of(at.database, QUERIES, who.account.id)
