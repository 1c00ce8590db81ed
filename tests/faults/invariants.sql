-- What must hold after every run: each query finds the rows that break its promise.
-- Beside the orchestrator's tables stand what the run saw: ordered(journal_id), heard(journal_id, n,
-- name), accepted(journal_id, question, rev), paid(journal_id, phase, part, reply), made(step,
-- times), lost(times), file(key).

-- name: journal_without_an_end
select id, status from journal where status not in ('completed', 'failed', 'cancelled');

-- name: open_journal_without_a_deadline
select id from journal where status in ('running', 'waiting') and due_at is null;

-- name: ordered_journal_missing
select journal_id from ordered where journal_id not in (select id from journal);

-- name: history_with_a_gap
select j.id, j.version, count(h.seq), min(h.seq), max(h.seq)
  from journal j left join history h on h.journal_id = j.id
 group by j.id, j.version
having count(h.seq) <> j.version or min(h.seq) <> 1 or max(h.seq) <> j.version;

-- name: public_events_with_a_gap
select journal_id, count(*), max(n)
  from (select journal_id, (each->'body'->>'n')::int as n
          from history, jsonb_array_elements(said) each) told
 group by journal_id having count(*) <> max(n) or count(distinct n) <> max(n);

-- name: event_nobody_heard
select h.journal_id, each->'body'->>'n' as n, each->>'type' as type
  from history h, jsonb_array_elements(said) each
 where not exists (select 1 from heard where heard.journal_id = h.journal_id
                      and heard.n = (each->'body'->>'n')::int and heard.name = each->>'type');

-- name: event_without_a_transition
select heard.journal_id, heard.n, heard.name from heard
 where not exists (
    select 1 from history h, jsonb_array_elements(said) each
     where h.journal_id = heard.journal_id and (each->'body'->>'n')::int = heard.n
       and each->>'type' = heard.name);

-- name: pause_decided_twice
select journal_id, question, rev from (
    select journal_id, each->'body'->>'decision_id' as question, each->'body'->>'rev' as rev
      from history, jsonb_array_elements(said) each
     where each->>'type' = 'journal.decision.closed.v1') closed
 group by 1, 2, 3 having count(*) > 1;

-- name: decision_without_its_event
select journal_id, question, rev from decision d
 where not exists (
    select 1 from history h, jsonb_array_elements(said) each
     where h.journal_id = d.journal_id and each->>'type' = 'journal.decision.closed.v1'
       and each->'body'->>'decision_id' = d.question and (each->'body'->>'rev')::int = d.rev);

-- name: answer_accepted_twice
select journal_id, question, rev from accepted group by 1, 2, 3 having count(*) > 1;

-- name: accepted_answer_lost
select a.journal_id, a.question, a.rev from accepted a
  left join decision d using (journal_id, question, rev)
 where d.chosen_by is distinct from 'user';

-- name: default_before_its_deadline
select d.journal_id, d.question, d.rev, d.at, asked.deadline
  from decision d
  join (select journal_id, each->'body'->'decision'->>'id' as question,
               (each->'body'->'decision'->>'rev')::int as rev,
               (each->'body'->'decision'->>'deadline')::timestamptz as deadline
          from history, jsonb_array_elements(said) each
         where each->>'type' = 'journal.decision.requested.v1') asked
    using (journal_id, question, rev)
 where d.chosen_by = 'default' and d.at < asked.deadline;

-- name: letter_left_in_the_outbox
select id, journal_id, name, state from outbox;

-- name: step_accepted_twice
select journal_id, input->>'phase', input->>'part', input->>'attempt'
  from history where cause = 'step_finished' group by 1, 2, 3, 4 having count(*) > 1;

-- name: part_finished_twice_in_a_round
select journal_id, phase, part, count(*) from (
    select h.journal_id, input->>'phase' as phase, input->>'part' as part,
           (select count(*) from history e, jsonb_array_elements(e.said) each
             where e.journal_id = h.journal_id and e.seq <= h.seq
               and each->>'type' = 'journal.phase.started.v1'
               and each->'body'->>'phase' = h.input->>'phase') as round
      from history h where cause = 'step_finished') done
 group by journal_id, phase, part, round having count(*) > 1;

-- name: finished_step_not_in_the_ledger
select h.journal_id, input->>'phase', input->>'part' from history h
 where cause = 'step_finished' and not exists (
    select 1 from paid p where p.journal_id = h.journal_id and p.phase = h.input->>'phase'
       and p.part = h.input->>'part' and p.reply is not null);

-- name: reply_kept_twice
with kept as (
    select journal_id, phase, part, count(*) as replies from paid where reply is not null
     group by 1, 2, 3
), asked as (
    select split_part(step, '/', 1)::uuid as journal_id, split_part(step, '/', 2) as phase,
           split_part(step, '/', 3) as part, count(*) as rounds
      from made group by 1, 2, 3
)
select journal_id, phase, part, replies from kept left join asked using (journal_id, phase, part)
 where replies > coalesce(rounds, 0);

-- name: letter_died_of_something_else_than_its_text
select id, name, reason from dead_letter where reason <> 'unreadable';

-- name: model_called_again_without_a_death
select step, times from made
 where (select sum(times - 1) from made) > (select times from lost);

-- name: artifact_missing
select h.journal_id, input->>'artifact' from history h
 where cause = 'step_finished' and input->>'artifact' is not null
   and not exists (select 1 from file where key = h.input->>'artifact');
