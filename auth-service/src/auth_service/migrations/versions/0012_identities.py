"""Identities at providers, visits there, and accounts that have no password."""

from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.execute("alter table account alter column password_hash drop not null")
    op.execute(
        """
        create table identity (
            id uuid primary key,
            user_id uuid not null references account on delete cascade,
            provider text not null,
            issuer text not null,
            subject text not null,
            email text not null,
            linked_at timestamptz not null,
            used_at timestamptz,
            misses integer not null,
            missed_at timestamptz,
            unique (issuer, subject)
        )
        """
    )
    op.execute("create index identity_user_id on identity (user_id)")
    op.execute(
        """
        create table oidc_visit (
            state bytea primary key,
            browser bytea not null,
            provider text not null,
            purpose text not null,
            next text not null,
            user_id uuid references account on delete cascade,
            session_id uuid,
            begun_at timestamptz not null,
            expires_at timestamptz not null,
            back_at timestamptz,
            issuer text,
            subject text,
            email text,
            shown_at timestamptz
        )
        """
    )
    op.execute("create unique index oidc_visit_browser on oidc_visit (browser)")
    op.execute("create index oidc_visit_expires_at on oidc_visit (expires_at)")
    op.execute("create index oidc_visit_user_id on oidc_visit (user_id)")


def downgrade() -> None:
    """Who has no password gets one that nobody knows: a letter lets them choose another."""
    op.execute("drop table oidc_visit")
    op.execute("drop table identity")
    op.execute(
        """
        update account
           set password_hash = '$argon2id$v=19$m=65536,t=3,p=4$'
               || rtrim(encode(uuid_send(gen_random_uuid()), 'base64'), '=') || '$'
               || rtrim(encode(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()),
                               'base64'), '=')
         where password_hash is null
        """
    )
    op.execute("alter table account alter column password_hash set not null")
