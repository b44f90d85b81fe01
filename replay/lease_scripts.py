"""The Lua scripts of leases: taking one, and giving its number back.

A number that was given back without an episode goes to the next lease of its kind, smallest first, so that the episodes
accepted are always the numbers 1 to n once nothing runs: a recipe can tell its round and its place in it from them.
"""

from __future__ import annotations

# Where the kind ends in a lease's id is known from its length: a kind may have any characters.
GIVE_BACK = """
local function give_back(leases, running, freed, lease)
  local kind = cjson.decode(redis.call('HGET', leases, lease)).kind
  local holder, number = string.match(string.sub(lease, #kind + 1), '^~?(%d*)#(%d+)$')
  redis.call('HDEL', leases, lease)
  redis.call('HINCRBY', running, kind, -1)
  redis.call('ZADD', freed, 0, string.format('%s#%012d~%d', kind, number, (tonumber(holder) or 1) + 1))
end
"""

# The same choice as budget.next_kind; a test compares the two. In the order of bytes "$" follows "#".
# KEYS leases running accepted started steps wake freed; ARGV owner concurrency max_staleness (kind batch)*
# Returns {lease id, kind}, or {"", newest id of wake}.
START = """
local newest = redis.call('XREVRANGE', KEYS[6], '+', '-', 'COUNT', 1)
local none = {'', newest[1] and newest[1][1] or '0-0'}
if redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[2]) then return none end
local steps = tonumber(redis.call('GET', KEYS[5]) or 0)
local best, best_done, best_batch
for i = 4, #ARGV, 2 do
  local kind, batch = ARGV[i], tonumber(ARGV[i + 1])
  local done = tonumber(redis.call('HGET', KEYS[2], kind) or 0) + tonumber(redis.call('HGET', KEYS[3], kind) or 0)
  local room = (tonumber(ARGV[3]) + steps + 1) * batch - done
  if room > 0 and (not best or done * best_batch < best_done * batch) then
    best, best_done, best_batch = kind, done, batch
  end
end
if not best then return none end
local free = redis.call('ZRANGEBYLEX', KEYS[7], '[' .. best .. '#', '(' .. best .. '$', 'LIMIT', 0, 1)[1]
local lease
if free then
  redis.call('ZREM', KEYS[7], free)
  local number, holder = string.match(free, '#(%d+)~(%d+)$')
  lease = string.format('%s~%d#%d', best, holder, number)
else
  lease = best .. '#' .. redis.call('HINCRBY', KEYS[4], best, 1)
end
local now = redis.call('TIME')
local started_ms = now[1] * 1000 + math.floor(now[2] / 1000)
redis.call('HSET', KEYS[1], lease, cjson.encode({owner = ARGV[1], kind = best, started_ms = started_ms}))
redis.call('HINCRBY', KEYS[2], best, 1)
return {lease, best}
"""

# KEYS leases running wake freed; ARGV lease.   Returns 1 if the lease was held.
RELEASE = (
    GIVE_BACK
    + """
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then return 0 end
give_back(KEYS[1], KEYS[2], KEYS[4], ARGV[1])
redis.call('XADD', KEYS[3], 'MAXLEN', 1, '*', 'v', 'release')
return 1
"""
)

# KEYS leases running wake freed; ARGV owner.   Returns the number of leases it held.
RELEASE_OWNER = (
    GIVE_BACK
    + """
local held = redis.call('HGETALL', KEYS[1])
local count = 0
for i = 1, #held, 2 do
  if cjson.decode(held[i + 1]).owner == ARGV[1] then
    give_back(KEYS[1], KEYS[2], KEYS[4], held[i])
    count = count + 1
  end
end
if count > 0 then redis.call('XADD', KEYS[3], 'MAXLEN', 1, '*', 'v', 'release') end
return count
"""
)
