"""Keys of users to providers, what opens them, and for which journals they may be used."""

from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.execute(
        """
        create table provider_key (
            user_id uuid not null references account on delete cascade,
            provider text not null,
            version integer not null,
            sealed bytea not null,
            last_four text not null,
            fingerprint text not null,
            created_at timestamptz not null,
            used_at timestamptz,
            primary key (user_id, provider)
        )
        """
    )
    op.execute(
        """
        create table data_key (
            user_id uuid not null references account on delete cascade,
            provider text not null,
            version integer not null,
            kek text not null,
            wrapped bytea not null,
            primary key (user_id, provider)
        )
        """
    )
    op.execute("create index data_key_kek on data_key (kek)")
    op.execute(
        """
        create table vault_grant (
            journal_id uuid primary key,
            user_id uuid not null references account on delete cascade,
            until timestamptz not null
        )
        """
    )
    op.execute("create index vault_grant_until on vault_grant (until)")


def downgrade() -> None:
    for table in ("vault_grant", "data_key", "provider_key"):
        op.execute(f"drop table {table}")
