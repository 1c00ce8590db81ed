"""The audit: chains of entries that are only added to, and payloads that may be erased."""

from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.execute(
        """
        create table audit_entry (
            shard integer not null,
            seq bigint not null,
            at timestamptz not null,
            act text not null,
            digest bytea not null,
            hash bytea not null,
            primary key (shard, seq)
        )
        """
    )
    op.execute(
        """
        create table audit_payload (
            shard integer not null,
            seq bigint not null,
            user_id uuid,
            payload text not null,
            primary key (shard, seq)
        )
        """
    )
    op.execute("create index audit_payload_user_id on audit_payload (user_id)")
    op.execute(
        """
        create table audit_head (
            shard integer primary key,
            seq bigint not null,
            hash bytea not null
        )
        """
    )
    op.execute(
        """
        insert into audit_head (shard, seq, hash)
        select n, 0, decode(repeat('00', 32), 'hex') from generate_series(0, 7) n
        """
    )
    op.execute(
        """
        create function audit_is_only_added_to() returns trigger language plpgsql as $$
        begin
            raise exception 'the audit is only added to';
        end $$
        """
    )
    op.execute(
        """
        create trigger audit_is_only_added_to
            before update or delete or truncate on audit_entry
            for each statement execute function audit_is_only_added_to()
        """
    )


def downgrade() -> None:
    for table in ("audit_entry", "audit_payload", "audit_head"):
        op.execute(f"drop table {table}")
    op.execute("drop function audit_is_only_added_to")
