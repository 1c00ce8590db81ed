"""Sessions that go on by refresh tokens, and end before their tokens; messages on their way out."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.execute("alter table account add column version integer not null default 1")
    op.execute(
        """
        alter table session
            add column refresh_digest bytea,
            add column agent text not null default '',
            add column amr text not null default 'pwd',
            add column auth_time timestamptz not null default now(),
            add column seen_at timestamptz not null default now(),
            add column access_until timestamptz not null default now() + interval '10 minutes',
            add column ended_at timestamptz,
            add column ended_for text
        """
    )
    op.execute("create unique index session_refresh_digest on session (refresh_digest)")
    op.execute("create index session_expires_at on session (expires_at)")
    op.execute(
        """
        create table spent_token (
            digest bytea primary key,
            session_id uuid not null references session on delete cascade,
            agent text not null,
            spent_at timestamptz not null
        )
        """
    )
    op.execute("create index spent_token_session_id on spent_token (session_id)")
    op.execute(
        """
        create table revocation (
            session_id uuid primary key,
            user_id uuid not null,
            at timestamptz not null
        )
        """
    )
    op.execute("create index revocation_at on revocation (at)")
    op.execute(
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
        """
    )


def downgrade() -> None:
    for table in ("outbox", "revocation", "spent_token"):
        op.execute(f"drop table {table}")
    op.execute("drop index session_expires_at")
    op.execute(
        """
        alter table session
            drop column refresh_digest,
            drop column agent,
            drop column amr,
            drop column auth_time,
            drop column seen_at,
            drop column access_until,
            drop column ended_at,
            drop column ended_for
        """
    )
    op.execute("alter table account drop column version")
