-- Claim a key for a request, or say what became of it.
--
-- KEYS  the place of a user's key: digest of the request, who answers it, and the answer
-- ARGV  digest of the request, a claim of whoever asks, seconds a claim holds
-- Gives {'mine' | 'claimed' | 'other' | 'answered', the answer or ''}.
local digest, answer = unpack(redis.call('HMGET', KEYS[1], 'digest', 'answer'))

if digest and digest ~= ARGV[1] then return {'other', ''} end
if answer then return {'answered', answer} end
if digest then return {'claimed', ''} end

redis.call('HSET', KEYS[1], 'digest', ARGV[1], 'claim', ARGV[2])
redis.call('EXPIRE', KEYS[1], ARGV[3])
return {'mine', ''}
