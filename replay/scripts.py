"""The Lua scripts: each is one atomic change of a run's state. Those of leases are in ``lease_scripts``.

They read the server's clock, never the caller's. Errors begin with a word that ``connection.Connection`` translates.
"""

from __future__ import annotations

from sparring.replay.lease_scripts import GIVE_BACK

# Stop a process that has been replaced: it must neither take nor acknowledge entries of its successor.
_FENCE = """
local function fenced(key, number)
  local held = redis.call('HMGET', key, 'number', 'holder')
  if held[1] ~= number then
    return redis.error_reply('FENCED ' .. (held[1] or 'none') .. ' ' .. (held[2] or 'nobody'))
  end
end
"""

# Numbers of a kind are consecutive, so the oldest one is the newest minus the size plus one. Tasks are forgotten in
# order, so a family is gone with its newest task.
_STORE = """
local function store(minted, tasks, seen, families, kind, fingerprint, family, task, capacity)
  if redis.call('SADD', seen, fingerprint) == 0 then return 0 end
  local newest = redis.call('HINCRBY', minted, kind, 1)
  redis.call('HSET', tasks, newest, fingerprint .. task)
  if family ~= '' then redis.call('ZADD', families, newest, family) end
  local size = redis.call('HLEN', tasks)
  while size > capacity do
    local oldest = newest - size + 1
    redis.call('SREM', seen, string.sub(redis.call('HGET', tasks, oldest), 1, 32))
    redis.call('HDEL', tasks, oldest)
    redis.call('ZREMRANGEBYSCORE', families, '-inf', oldest)
    size = size - 1
  end
  return 1
end
"""

# KEYS minted (tasks seen families)*; ARGV capacity (kind fingerprint family task)*.   Returns how many were new.
ADD = (
    _STORE
    + """
local new = 0
for i = 0, (#KEYS - 1) / 3 - 1 do
  local k, a = 2 + i * 3, 2 + i * 4
  new = new + store(KEYS[1], KEYS[k], KEYS[k + 1], KEYS[k + 2],
                    ARGV[a], ARGV[a + 1], ARGV[a + 2], ARGV[a + 3], tonumber(ARGV[1]))
end
return new
"""
)

# A freed slot matters to waiting workers only if all slots were taken: only the learner moves the staleness bound.
# KEYS leases running accepted wake episodes minted (tasks seen families fresh)*
# ARGV lease concurrency episode capacity (kind fingerprint family task fresh_limit)*
# Returns 1, or 0 if the lease was not held any more and nothing was done.
PUT = (
    _STORE
    + """
local lease = redis.call('HGET', KEYS[1], ARGV[1])
if not lease then return 0 end
local kind = cjson.decode(lease).kind
if redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[2]) then
  redis.call('XADD', KEYS[4], 'MAXLEN', 1, '*', 'v', 'put')
end
redis.call('HDEL', KEYS[1], ARGV[1])
redis.call('HINCRBY', KEYS[2], kind, -1)
redis.call('HINCRBY', KEYS[3], kind, 1)
redis.call('XADD', KEYS[5], '*', 'v', ARGV[3])
for i = 0, (#KEYS - 6) / 4 - 1 do
  local k, a = 7 + i * 4, 5 + i * 5
  local limit = tonumber(ARGV[a + 4])
  local new = store(KEYS[6], KEYS[k], KEYS[k + 1], KEYS[k + 2],
                    ARGV[a], ARGV[a + 1], ARGV[a + 2], ARGV[a + 3], tonumber(ARGV[4]))
  if new == 1 and limit > 0 then
    redis.call('RPUSH', KEYS[k + 3], ARGV[a + 3])
    redis.call('LTRIM', KEYS[k + 3], -limit, -1)
  end
end
return 1
"""
)

# KEYS fence; ARGV holder.   Returns the number of the new incarnation.
CLAIM = """
redis.call('HSET', KEYS[1], 'holder', ARGV[1])
return redis.call('HINCRBY', KEYS[1], 'number', 1)
"""

# Entries after the caller's cursor: first those delivered before (to a dead predecessor, or in an answer that was
# lost), then new ones. KEYS fence stream; ARGV number group cursor count.   Returns {{id, value}, ...}
READ = (
    _FENCE
    + """
local refused = fenced(KEYS[1], ARGV[1])
if refused then return refused end
local found = {}
local function read(from)
  local left = tonumber(ARGV[4]) - #found
  if left == 0 then return end
  local answer = redis.call('XREADGROUP', 'GROUP', ARGV[2], ARGV[2], 'COUNT', left, 'STREAMS', KEYS[2], from)
  for _, entry in ipairs(answer and answer[1][2] or {}) do
    if entry[2] then found[#found + 1] = {entry[1], entry[2][2]} end
  end
end
read(ARGV[3])
read('>')
return found
"""
)

# KEYS fence episodes trajectories; ARGV number group cohort entry*
# Returns 1, or 0 if an earlier call with the same entries did it already.
INSERT = (
    _FENCE
    + """
local refused = fenced(KEYS[1], ARGV[1])
if refused then return refused end
local pending = 0
for i = 4, #ARGV do pending = pending + #redis.call('XPENDING', KEYS[2], ARGV[2], ARGV[i], ARGV[i], 1) end
if pending == 0 and #ARGV > 3 then return 0 end
if pending < #ARGV - 3 then return redis.error_reply('PARTIAL ' .. pending .. ' of ' .. (#ARGV - 3)) end
redis.call('XADD', KEYS[3], '*', 'v', ARGV[3])
for i = 4, #ARGV do
  redis.call('XACK', KEYS[2], ARGV[2], ARGV[i])
  redis.call('XDEL', KEYS[2], ARGV[i])
end
return 1
"""
)

# KEYS fence trajectories steps wake; ARGV number group step entry*
COMMIT = (
    _FENCE
    + """
local refused = fenced(KEYS[1], ARGV[1])
if refused then return refused end
for i = 4, #ARGV do
  redis.call('XACK', KEYS[2], ARGV[2], ARGV[i])
  redis.call('XDEL', KEYS[2], ARGV[i])
end
if tonumber(ARGV[3]) > tonumber(redis.call('GET', KEYS[3]) or 0) then
  redis.call('SET', KEYS[3], ARGV[3])
  redis.call('XADD', KEYS[4], 'MAXLEN', 1, '*', 'v', 'commit')
end
return 1
"""
)

# KEYS fence trajectories steps wake leases running freed; ARGV number group step entry*
# Returns {leases cleared, entries acknowledged}
RESUME = (
    _FENCE
    + GIVE_BACK
    + """
local refused = fenced(KEYS[1], ARGV[1])
if refused then return refused end
local held, entries = redis.call('HKEYS', KEYS[5]), 0
for _, lease in ipairs(held) do give_back(KEYS[5], KEYS[6], KEYS[7], lease) end
redis.call('DEL', KEYS[6])
for i = 4, #ARGV do
  redis.call('XACK', KEYS[2], ARGV[2], ARGV[i])
  entries = entries + redis.call('XDEL', KEYS[2], ARGV[i])
end
redis.call('SET', KEYS[3], ARGV[3])
redis.call('XADD', KEYS[4], 'MAXLEN', 1, '*', 'v', 'resume')
return {#held, entries}
"""
)

# KEYS stream; ARGV entries of it to leave out.   Returns {how many others, age in ms of the oldest of them or -1}
BACKLOG = """
local out = {}
for _, id in ipairs(ARGV) do out[id] = true end
local first
for _, entry in ipairs(redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', #ARGV + 1)) do
  if not first and not out[entry[1]] then first = entry[1] end
end
if not first then return {0, -1} end
local now = redis.call('TIME')
local born_ms = tonumber(string.match(first, '^(%d+)'))
return {redis.call('XLEN', KEYS[1]) - #ARGV, now[1] * 1000 + math.floor(now[2] / 1000) - born_ms}
"""

# KEYS stream; ARGV entries.   Returns those that it does not hold.
MISSING = """
local missing = {}
for _, id in ipairs(ARGV) do
  if #redis.call('XRANGE', KEYS[1], id, id) == 0 then missing[#missing + 1] = id end
end
return missing
"""

# KEYS stream; ARGV group.   Makes the stream and its group where they are not there yet.
MAKE_GROUP = """
if redis.call('EXISTS', KEYS[1]) == 0 then
  redis.call('XGROUP', 'CREATE', KEYS[1], ARGV[1], '0', 'MKSTREAM')
end
return 1
"""
