"""Paid calls say themselves which attempt counted them, and whether the world was told."""

from alembic import op

revision = "0002"
down_revision = "0001"

UP = (
    "alter table paid_call add column counted_by integer",
    "alter table paid_call add column announced boolean not null default false",
    "alter table paid_call add column kept_at timestamptz",
    """
    update paid_call set announced = reply is not null, kept_at = lease_until,
                         counted_by = case when reported then 0 end
    """,
    """
    alter table paid_call
        drop column reported,
        alter column lost set default 0,
        alter column tokens_in set default 0,
        alter column tokens_out set default 0,
        alter column seconds set default 0
    """,
    """
    create index paid_call_unannounced on paid_call (kept_at)
     where reply is not null and not announced
    """,
    "drop table outbox",
    """
    create table ended (
        journal_id uuid primary key,
        n integer not null,
        at timestamptz not null
    )
    """,
)
DOWN = (
    "drop table ended",
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
    "alter table paid_call add column reported boolean not null default false",
    "update paid_call set reported = counted_by is not null",
    """
    alter table paid_call
        drop column counted_by,
        drop column announced,
        drop column kept_at,
        alter column reported drop default
    """,
)


def upgrade() -> None:
    for statement in UP:
        op.execute(statement)


def downgrade() -> None:
    for statement in DOWN:
        op.execute(statement)
