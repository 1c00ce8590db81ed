"""A second factor: an authenticator's secret, and recovery codes."""

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.execute(
        """
        create table second_factor (
            user_id uuid primary key references account on delete cascade,
            sealed bytea not null,
            last_step bigint not null,
            confirmed_at timestamptz
        )
        """
    )
    op.execute(
        """
        create table recovery_code (
            user_id uuid not null references account on delete cascade,
            digest bytea not null,
            primary key (user_id, digest)
        )
        """
    )


def downgrade() -> None:
    op.execute("drop table recovery_code")
    op.execute("drop table second_factor")
