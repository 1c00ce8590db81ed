"""Every call is a row of its own, also one that gave nothing; buckets for rates."""

from alembic import op

revision = "0003"
down_revision = "0002"

UP = (
    """
    create table attempt (
        id uuid primary key,
        request_key text not null,
        user_id uuid not null,
        journal_id uuid not null,
        phase text not null,
        part text not null,
        agent text not null,
        model text not null,
        provider text not null,
        key_mark text not null,
        outcome text not null,
        code text not null,
        tokens_in integer not null,
        tokens_out integer not null,
        estimated boolean not null,
        cost numeric(12, 6),
        seconds double precision not null,
        at timestamptz not null,
        counted_by integer,
        announced boolean not null default false
    )
    """,
    """
    insert into attempt
    select gen_random_uuid(), request_key, user_id, journal_id, phase, part, agent, model, '', '',
           'answered', '', tokens_in, tokens_out, false, cost, seconds,
           coalesce(kept_at, lease_until), counted_by, announced
      from paid_call where reply is not null
    """,
    "create index attempt_of_step on attempt (journal_id, phase, part)",
    "create index attempt_unannounced on attempt (at) where not announced",
    "drop index paid_call_unannounced",
    """
    alter table paid_call
        drop column tokens_in,
        drop column tokens_out,
        drop column cost,
        drop column seconds,
        drop column counted_by,
        drop column announced
    """,
    """
    create table bucket (
        meter text primary key,
        requests double precision not null,
        tokens double precision not null,
        at timestamptz not null
    )
    """,
)
DOWN = (
    "drop table bucket",
    """
    alter table paid_call
        add column tokens_in integer not null default 0,
        add column tokens_out integer not null default 0,
        add column cost numeric(12, 6),
        add column seconds double precision not null default 0,
        add column counted_by integer,
        add column announced boolean not null default false
    """,
    """
    update paid_call
       set tokens_in = a.tokens_in, tokens_out = a.tokens_out, cost = a.cost, seconds = a.seconds,
           counted_by = a.counted_by, announced = a.announced
      from attempt a
     where a.request_key = paid_call.request_key and a.outcome = 'answered'
    """,
    """
    create index paid_call_unannounced on paid_call (kept_at)
     where reply is not null and not announced
    """,
    "drop table attempt",
)


def upgrade() -> None:
    for statement in UP:
        op.execute(statement)


def downgrade() -> None:
    for statement in DOWN:
        op.execute(statement)
