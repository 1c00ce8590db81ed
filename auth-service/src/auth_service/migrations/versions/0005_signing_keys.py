"""The keys that tokens are signed with: the next, the current one, and those before."""

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.execute(
        """
        create table signing_key (
            kid text primary key,
            sealed bytea not null,
            made_at timestamptz not null,
            current_at timestamptz,
            retired_at timestamptz,
            revoked_at timestamptz
        )
        """
    )
    op.execute(
        """
        create unique index signing_key_current on signing_key ((true))
         where current_at is not null and retired_at is null and revoked_at is null
        """
    )


def downgrade() -> None:
    op.execute("drop table signing_key")
