"""A batch of changes as one statement: what moves, what is noted of it, and what it says, to
the house by letters and to webhooks by deliveries.

Its rows go in as columns; a journal whose row is no longer as it was read changes nothing at all.
"""

from collections.abc import Collection, Sequence
from typing import Any, Final
from uuid import UUID

from chassis.broker import Letter
from journal_contracts.webhooks import TELLABLE
from orchestrator_service import steps
from orchestrator_service.engine.changes import SAGA, Change
from orchestrator_service.state import Saga
from orchestrator_service.views import status_of

_TELLABLE: Final = ", ".join(f"'{kind.name}'" for kind in TELLABLE)

COMMIT: Final = f"""
with born as (
    insert into journal (id, user_id, theme, plan, status, definition, version, saga, due_at,
                         priority, created_at, updated_at)
    select id, user_id, theme, plan, status, definition, version, saga::jsonb, due_at,
           priority, at, at
      from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::int[], $7::text[],
                  $8::timestamptz[], $9::int[], $10::timestamptz[], $51::int[])
        as b(id, user_id, theme, plan, status, version, saga, due_at, priority, at, definition)
    on conflict (id) do nothing
    returning id
), move as (
    select * from unnest($11::uuid[], $12::int[], $13::int[], $14::text[], $15::text[], $16::int[],
                         $17::text[], $18::timestamptz[], $19::timestamptz[], $52::int[])
        as m(id, before, after, saga, status, percent, title, due_at, at, definition)
), mine as (
    select j.id from journal j join move m on m.id = j.id and m.before = j.version
     order by j.id for no key update of j
), moved as (
    update journal j
       set version = m.after, saga = m.saga::jsonb, status = m.status, percent = m.percent,
           title = m.title, due_at = m.due_at, updated_at = m.at, definition = m.definition
      from move m join mine using (id)
     where j.id = m.id
    returning j.id
), won as (
    select id from born union all select id from moved
), noted as (
    insert into history (journal_id, seq, cause, actor, input, said, at)
    select h.journal_id, seq, cause, actor, input::jsonb, said::jsonb, at
      from unnest($20::uuid[], $21::int[], $22::text[], $23::text[], $24::text[], $25::text[],
                  $26::timestamptz[])
        as h(journal_id, seq, cause, actor, input, said, at)
      join won on won.id = h.journal_id
), decided as (
    insert into decision (journal_id, question, rev, choice, chosen_by, at)
    select d.journal_id, question, rev, choice::jsonb, chosen_by, at
      from unnest($27::uuid[], $28::text[], $29::int[], $30::text[], $31::text[],
                  $32::timestamptz[])
        as d(journal_id, question, rev, choice, chosen_by, at)
      join won on won.id = d.journal_id
), closed as (
    delete from outbox o
     using unnest($33::uuid[], $34::text[], $35::text[], $36::int[])
        as c(journal_id, phase, part, attempt)
      join won on won.id = c.journal_id
     where o.journal_id = c.journal_id and o.phase = c.phase and o.part = c.part
       and o.attempt = c.attempt
), said as (
    insert into outbox (id, journal_id, name, routing_key, body, trace, state, held_until,
                        phase, part, attempt, pool, user_id, priority, cost)
    select l.id, l.journal_id, name, routing_key, body, trace, state,
           clock_timestamp() + interval '5 seconds',
           phase, part, attempt, pool, user_id, priority, cost
      from unnest($37::uuid[], $38::uuid[], $39::text[], $40::text[], $41::bytea[], $42::text[],
                  $43::text[], $44::text[], $45::text[], $46::int[], $47::text[], $48::uuid[],
                  $49::int[], $50::int[])
        as l(id, journal_id, name, routing_key, body, trace, state, phase, part, attempt, pool,
             user_id, priority, cost)
      join won on won.id = l.journal_id
), told as (
    insert into delivery (id, webhook_id, journal_id, n, event, body)
    select gen_random_uuid(), w.id, e.journal_id, (e.body->>'n')::int, e.name,
           jsonb_build_object('type', e.name, 'timestamp', e.body->'at', 'data', e.body - 'also')
      from (select l.journal_id, l.name, convert_from(l.body, 'utf8')::jsonb as body
              from unnest($38::uuid[], $39::text[], $41::bytea[]) as l(journal_id, name, body)
              join won on won.id = l.journal_id
             where l.name in ({_TELLABLE})) e
     cross join lateral (
           select e.body->>'user_id' as user_id
            union select jsonb_array_elements_text(e.body->'also')) seer
      join webhook w on w.user_id = seer.user_id::uuid and e.name = any(w.events)
                    and w.disabled_at is null
    on conflict (webhook_id, journal_id, n) do nothing
), spent as (
    insert into user_day (user_id, day, settled_cost, settled_tokens)
    select s.user_id, (clock_timestamp() at time zone 'utc')::date, sum(cost), sum(tokens)
      from unnest($53::uuid[], $54::uuid[], $55::numeric[], $56::bigint[])
        as s(journal_id, user_id, cost, tokens)
      join won on won.id = s.journal_id
     group by s.user_id order by s.user_id
    on conflict (user_id, day) do update
       set settled_cost = user_day.settled_cost + excluded.settled_cost,
           settled_tokens = user_day.settled_tokens + excluded.settled_tokens
)
select id from won
"""  # noqa: S608 - the names are ours


def columns_of(changes: Sequence[Change], waits: Collection[UUID]) -> tuple[list[Any], ...]:
    """The parameters of `COMMIT`; the letters of `waits` are not to leave yet."""
    births = [_birth(c) for c in changes if c.before.version == 0]
    moves = [_move(c) for c in changes if c.before.version != 0]
    *born, born_as = _columns(births, 11)
    *moved, moved_to = _columns(moves, 10)
    return (
        *born,
        *moved,
        *_columns(_entries(changes), 7),
        *_columns(_decisions(changes), 6),
        *_columns(_closed(changes), 4),
        *_columns(_letters(changes, waits), 14),
        born_as,
        moved_to,
        *_columns(_spent(changes), 4),
    )


def encoded(saga: Saga) -> str:
    """A saga as JSON; defaults are left out, which keeps a standard journal near 4 kB."""
    return SAGA.dump_json(saga, exclude_defaults=True).decode()


def _columns(rows: Any, width: int) -> list[list[Any]]:
    """Rows turned into columns, as `unnest` wants them."""
    listed = list(rows)
    return [list(column) for column in zip(*listed, strict=True)] if listed else [[]] * width


def _birth(change: Change) -> tuple[Any, ...]:
    row, saga = change.after, change.after.saga
    return (
        saga.id,
        saga.user_id,
        saga.request.theme,
        saga.request.plan.value,
        status_of(saga),
        row.version,
        encoded(saga),
        saga.due,
        saga.request.priority,
        row.created_at,
        saga.version,
    )


def _move(change: Change) -> tuple[Any, ...]:
    row, saga = change.after, change.after.saga
    title = steps.title(saga)
    return (
        saga.id,
        change.before.version,
        row.version,
        encoded(saga),
        status_of(saga),
        saga.percent,
        title.text if title else None,
        saga.due,
        row.updated_at,
        saga.version,
    )


def _entries(changes: Sequence[Change]) -> list[tuple[Any, ...]]:
    return [
        (c.after.saga.id, e.seq, e.cause, e.actor, e.input, e.said, c.after.updated_at)
        for c in changes
        for e in c.entries
    ]


def _decisions(changes: Sequence[Change]) -> list[tuple[Any, ...]]:
    return [
        (d.journal_id, d.decision_id, d.rev, d.choice.model_dump_json(), d.chosen_by, d.at)
        for c in changes
        for d in c.decisions
    ]


def _closed(changes: Sequence[Change]) -> list[tuple[Any, ...]]:
    return [(c.after.saga.id, *step) for c in changes for step in c.closed]


def _spent(changes: Sequence[Change]) -> list[tuple[Any, ...]]:
    """What answers cost, of those that cost anything."""
    told = ((c.after.saga, *c.spent) for c in changes)
    return [(saga.id, saga.user_id, cost, tokens) for saga, cost, tokens in told if cost or tokens]


def _letters(changes: Sequence[Change], waits: Collection[UUID]) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = []
    for change in changes:
        saga = change.after.saga
        for letter in change.events:
            rows.append((*letter_row(letter, saga.id), "leaving", *[None] * 7))
        for order in change.orders:
            state = "waiting" if order.letter.id in waits else "leaving"
            about = (*order.step, order.pool, saga.user_id, saga.request.priority, order.cost)
            rows.append((*letter_row(order.letter, saga.id), state, *about))
    return rows


def letter_row(letter: Letter, journal_id: UUID) -> tuple[Any, ...]:
    """The columns of a letter in the outbox."""
    trace = letter.trace.get("traceparent")
    return letter.id, journal_id, letter.name, letter.routing_key, letter.body, trace
