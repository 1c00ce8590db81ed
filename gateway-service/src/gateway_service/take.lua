-- Take tokens from several buckets at once: each has enough, or none is touched (GCRA).
--
-- KEYS  the buckets; a bucket is the moment, in microseconds, at which it is full again
-- ARGV  for each bucket: microseconds a token takes to come back, tokens it holds, tokens wanted
-- Gives {microseconds to wait, 0 if taken, tokens left in each bucket ...}.
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local longest, full_again, left = 0, {}, {}

for i, key in ipairs(KEYS) do
  local every, holds, wanted = tonumber(ARGV[3 * i - 2]), ARGV[3 * i - 1], ARGV[3 * i]
  local before = math.max(tonumber(redis.call('GET', key) or '0'), now)
  full_again[i] = before + every * wanted
  longest = math.max(longest, full_again[i] - every * holds - now)
  left[i] = math.floor((every * holds - (before - now)) / every)
end

if longest <= 0 then
  for i, key in ipairs(KEYS) do
    redis.call('SET', key, string.format('%.0f', full_again[i]), 'PX', math.ceil((full_again[i] - now) / 1000) + 1)
    left[i] = left[i] - ARGV[3 * i]
  end
end
return {math.max(0, math.ceil(longest)), unpack(left)}
