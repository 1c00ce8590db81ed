"""Letters on their way out, what they let their readers do, and addresses that were verified."""

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.execute("alter table account add column verified_at timestamptz")
    op.execute(
        """
        create table mail (
            id uuid primary key,
            sealed bytea not null,
            tries integer not null,
            next_at timestamptz not null,
            until timestamptz not null
        )
        """
    )
    op.execute("create index mail_next_at on mail (next_at)")
    op.execute(
        """
        create table mail_token (
            digest bytea primary key,
            user_id uuid references account on delete cascade,
            purpose text not null,
            email text not null,
            expires_at timestamptz not null,
            used_at timestamptz
        )
        """
    )
    op.execute("create index mail_token_user_id on mail_token (user_id)")
    op.execute("create index mail_token_expires_at on mail_token (expires_at)")


def downgrade() -> None:
    op.execute("drop table mail_token")
    op.execute("drop table mail")
    op.execute("alter table account drop column verified_at")
