-- Put one event of a journal into its user's feed, in the journal's order, exactly once.
--
-- KEYS  1 feed {epoch, top}   2 history (stream, id = <offset>-0)   3 journal {next, <n> = parked frame}
-- ARGV  1 n   2 frame, JSON without "o"   3 epoch to begin if there is none or a gap is given up
--       4 entries kept   5 seconds a feed is kept   6 seconds a journal's place is kept
--       7 "1" to give up waiting for what is missing
--       8 "1" if the journal begins for this user with this event: it is shared with them
-- Gives {verdict, epoch, next n, offset, frame, offset, frame ...}; the verdict is appended, known or
-- parked, and a parked event waits for all from `next n` on.
local feed, history, journal = KEYS[1], KEYS[2], KEYS[3]
local n, frame, new_epoch = tonumber(ARGV[1]), ARGV[2], ARGV[3]
local next_n = tonumber(redis.call('HGET', journal, 'next') or '1')

if ARGV[8] == '1' and n > next_n then
  for _, key in ipairs(redis.call('HKEYS', journal)) do
    local parked = tonumber(key)
    if parked and parked < n then
      redis.call('HDEL', journal, key)
    end
  end
  next_n = n
end
if n < next_n then
  return {'known', '', next_n}
end
redis.call('HSET', journal, n, frame)
redis.call('EXPIRE', journal, ARGV[6])

if n > next_n then
  if ARGV[7] ~= '1' then
    return {'parked', '', next_n}
  end
  -- What is missing can no longer come in its place: an honest new epoch, from the first we hold.
  redis.call('DEL', feed)
  next_n = n
  for _, key in ipairs(redis.call('HKEYS', journal)) do
    local parked = tonumber(key)
    if parked and parked < next_n then
      next_n = parked
    end
  end
end

redis.call('HSETNX', feed, 'epoch', new_epoch)
local answer = {'appended', redis.call('HGET', feed, 'epoch'), 0}
local body = redis.call('HGET', journal, next_n)
while body do
  local top = redis.call('HINCRBY', feed, 'top', 1)
  if top == 1 then
    redis.call('DEL', history)
  end
  local whole = '{"o":' .. top .. ',' .. string.sub(body, 2)
  redis.call('XADD', history, 'MAXLEN', ARGV[4], top .. '-0', 'frame', whole)
  redis.call('HDEL', journal, next_n)
  answer[#answer + 1] = top
  answer[#answer + 1] = whole
  next_n = next_n + 1
  body = redis.call('HGET', journal, next_n)
end
redis.call('HSET', journal, 'next', next_n)
answer[3] = next_n
redis.call('EXPIRE', feed, ARGV[5])
redis.call('EXPIRE', history, ARGV[5])
return answer
