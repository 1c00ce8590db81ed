"""Erasures: accounts that are gone, and which service has confirmed when that nothing is left."""

from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.execute(
        """
        create table erasure (
            user_id uuid primary key,
            asked_at timestamptz not null,
            said_at timestamptz not null,
            round integer not null,
            services text[] not null,
            completed_at timestamptz
        )
        """
    )
    op.execute("create index erasure_open on erasure (said_at) where completed_at is null")
    op.execute(
        """
        create table erasure_receipt (
            user_id uuid not null references erasure on delete cascade,
            service text not null,
            round integer not null,
            at timestamptz not null,
            primary key (user_id, service, round)
        )
        """
    )


def downgrade() -> None:
    op.execute("drop table erasure_receipt")
    op.execute("drop table erasure")
