"""Letters on their way, in SQL: let out when there is room, sent, settled, and swept up.

The outbox is the place where commands wait for a pool, too: `vtime` is their place in its queue.
"""

from typing import Any, Final

from chassis.broker import Letter

# These two take rows that a transition may be closing at the same moment, in an order of its own:
# they pass over what is locked, so that neither waits for the other in a circle.

SETTLE: Final = """
with mine as (
    select id, phase from outbox where id = any($1) and state = 'leaving' for update skip locked
), gone as (
    delete from outbox o using mine where o.id = mine.id and mine.phase is null
)
update outbox o set state = 'out' from mine where o.id = mine.id and mine.phase is not null
"""

SWEEP: Final = """
update outbox set held_until = clock_timestamp() + interval '5 seconds'
 where id in (
    select id from outbox where state = 'leaving' and held_until < clock_timestamp()
     order by held_until limit $1 for update skip locked)
returning id, journal_id, name, routing_key, body, trace
"""

VIEW: Final = """
select pool, user_id, state = 'waiting' as waits, count(*) as steps,
       clock_timestamp() - min(held_until) as age
  from outbox where pool is not null group by 1, 2, 3
"""

QUEUE: Final = """
with mine as (
    select id, pool, user_id, cost, sum(cost) over later as after_it
      from outbox where id = any($1)
    window later as (partition by pool, user_id order by id desc
                     rows between unbounded preceding and 1 preceding)
), shares as (
    insert into share (pool, user_id, vtime, added)
    select m.pool, m.user_id, coalesce(max(p.vtime), 0) + sum(m.cost), sum(m.cost)
      from mine m left join pool p on p.name = m.pool
     group by m.pool, m.user_id order by m.pool, m.user_id
    on conflict (pool, user_id) do update
       set vtime = greatest(share.vtime + excluded.added, excluded.vtime), added = excluded.added
    returning pool, user_id, vtime
)
update outbox o set vtime = s.vtime - coalesce(m.after_it, 0)
  from mine m join shares s using (pool, user_id) where o.id = m.id
"""

NEXT: Final = """
with held as (
    select user_id, count(*) as steps
      from outbox where pool = $1 and state in ('leaving', 'out') group by user_id
), head as (
    select id, user_id, priority, vtime,
           row_number() over (partition by user_id order by priority desc, vtime, id) as nth
      from (select o.id, o.user_id, o.priority, vtime
              from outbox o join journal j on j.id = o.journal_id
             where pool = $1 and state = 'waiting' and j.status = 'running'
             order by o.priority desc, vtime, o.id limit 1000) waiting
), chosen as (
    select h.id, h.vtime from head h left join held using (user_id)
     where h.nth + coalesce(held.steps, 0) <= $3
     order by h.priority desc, h.vtime, h.id
     limit greatest($2 - (select coalesce(sum(steps), 0) from held), 0)
)
"""
"""The commands of a pool that go next, as `chosen`."""

NEXT_IDS: Final = f"{NEXT} select id from chosen"  # noqa: S608 - both are ours

RELEASE: Final = f"""{NEXT}, mine as (
    select o.id, o.vtime from outbox o join chosen using (id)
     where o.state = 'waiting' for update of o skip locked
), moved_on as (
    insert into pool (name, vtime) select $1, max(vtime) from mine having count(*) > 0
    on conflict (name) do update set vtime = greatest(pool.vtime, excluded.vtime)
)
update outbox o
   set state = 'leaving', held_until = clock_timestamp() + interval '5 seconds'
  from mine where o.id = mine.id
returning o.id, o.journal_id, o.name, o.routing_key, o.body, o.trace
"""  # noqa: S608 - both are ours

PLACE: Final = """
select w.pool,
       (select count(*) from outbox o
         where o.pool = w.pool and o.state = 'waiting' and o.priority >= w.priority
           and (o.priority > w.priority or (o.vtime, o.id) < (w.vtime, w.id))) as ahead
  from outbox w
 where w.journal_id = $1 and w.phase is not null and w.state = 'waiting'
   and not exists (select 1 from outbox s
                    where s.journal_id = $1 and s.phase is not null and s.state <> 'waiting')
 order by w.priority desc, w.vtime, w.id limit 1
"""


def letter_of(row: Any) -> Letter:
    """The letter of a row."""
    return Letter(
        id=row["id"],
        name=row["name"],
        routing_key=row["routing_key"],
        subject=str(row["journal_id"]),
        body=row["body"],
        trace={"traceparent": row["trace"]} if row["trace"] else {},
    )
