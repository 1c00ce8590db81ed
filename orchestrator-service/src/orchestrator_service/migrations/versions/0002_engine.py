"""The engine: transitions with their causes, letters that wait, leave and are out, fair shares."""

from alembic import op

revision = "0002"
down_revision = "0001"

UP = (
    "alter table journal add column priority integer not null default 0",
    "alter table journal alter column percent set default 0",
    "alter table history add column cause text, add column input jsonb, add column said jsonb",
    """
    update history set cause = 'before', input = '{}', said = jsonb_build_array(
        jsonb_build_object('type', type, 'body', data || jsonb_build_object('n', n)))
    """,
    """
    alter table history
        alter column cause set not null,
        alter column input set not null,
        alter column said set not null,
        drop column type, drop column n, drop column data
    """,
    """
    update journal set version = coalesce(
        (select max(seq) from history where journal_id = journal.id), 1)
    """,
    "alter table decision add column at timestamptz not null default clock_timestamp()",
    "drop table outbox",
    """
    create table outbox (
        id uuid primary key,
        journal_id uuid not null,
        name text not null,
        routing_key text not null,
        body bytea not null,
        trace text,
        state text not null check (state in ('waiting', 'leaving', 'out')),
        held_until timestamptz not null,
        phase text,
        part text,
        attempt integer,
        pool text,
        user_id uuid,
        priority integer,
        cost integer,
        vtime bigint not null default 0
    )
    """,
    """
    create unique index outbox_step on outbox (journal_id, phase, part, attempt)
     where phase is not null
    """,
    "create index outbox_leaving on outbox (held_until) where state = 'leaving'",
    """
    create index outbox_waiting on outbox (pool, priority desc, vtime, id) where state = 'waiting'
    """,
    """
    create index outbox_in_flight on outbox (pool, user_id) where state in ('leaving', 'out')
    """,
    """
    create table share (
        pool text not null,
        user_id uuid not null,
        vtime bigint not null,
        added bigint not null,
        primary key (pool, user_id)
    )
    """,
    "create table pool (name text primary key, vtime bigint not null)",
    "create table definition (version integer primary key)",
    """
    create table replica (
        id uuid primary key,
        newest integer not null,
        seen_at timestamptz not null
    )
    """,
    "create index journal_definition on journal (definition)",
)


DOWN = (
    "drop index journal_definition",
    "drop table replica",
    "drop table definition",
    "drop table pool",
    "drop table share",
    "drop table outbox",
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
    "alter table decision drop column at",
    """
    create table told as
    select journal_id, (body->>'n')::bigint as seq, (body->>'n')::integer as n, type, actor,
           body - '{journal_id,user_id,n,at}'::text[] as data, at
      from history, jsonb_to_recordset(said) as each(type text, body jsonb)
    """,
    "drop table history",
    "alter table told rename to history",
    """
    alter table history
        add primary key (journal_id, seq),
        alter column type set not null,
        alter column actor set not null,
        alter column data set not null,
        alter column at set not null
    """,
    "alter table journal drop column priority, alter column percent drop default",
)


def upgrade() -> None:
    for statement in UP:
        op.execute(statement)


def downgrade() -> None:
    """What is in the outbox is lost: let it run dry first."""
    for statement in DOWN:
        op.execute(statement)
