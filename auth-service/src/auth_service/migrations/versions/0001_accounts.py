"""Accounts, sessions, shown assertions."""

from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.execute(
        """
        create table account (
            id uuid primary key,
            email text not null,
            password_hash text not null,
            created_at timestamptz not null
        )
        """
    )
    op.execute("create unique index account_email on account (lower(email))")
    op.execute(
        """
        create table session (
            id uuid primary key,
            user_id uuid not null references account on delete cascade,
            created_at timestamptz not null,
            expires_at timestamptz not null
        )
        """
    )
    op.execute("create index session_user_id on session (user_id)")
    op.execute(
        """
        create table shown_assertion (
            service text not null,
            id text not null,
            expires_at timestamptz not null,
            primary key (service, id)
        )
        """
    )
    op.execute("create index shown_assertion_expires_at on shown_assertion (expires_at)")
