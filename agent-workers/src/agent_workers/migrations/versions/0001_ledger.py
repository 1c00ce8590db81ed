"""Paid calls with their replies, and the outbox."""

from alembic import op

revision = "0001"
down_revision = None

UP = (
    """
    create table paid_call (
        request_key text primary key,
        user_id uuid not null,
        journal_id uuid not null,
        phase text not null,
        part text not null,
        agent text not null,
        model text not null,
        owner uuid not null,
        lease_until timestamptz not null,
        lost integer not null,
        reply text,
        tokens_in integer not null,
        tokens_out integer not null,
        cost numeric(12, 6),
        seconds double precision not null,
        reported boolean not null
    )
    """,
    "create index paid_call_of_step on paid_call (journal_id, phase, part)",
    """
    create table outbox (
        id uuid primary key,
        name text not null,
        routing_key text not null,
        subject text not null,
        body bytea not null,
        trace json not null,
        created_at timestamptz not null default now()
    )
    """,
)


def upgrade() -> None:
    for statement in UP:
        op.execute(statement)


def downgrade() -> None:
    for table in ("outbox", "paid_call"):
        op.execute(f"drop table {table}")
