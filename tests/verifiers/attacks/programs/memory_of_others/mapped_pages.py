# try: the same over every mapping of the process
# outcome: ok|runtime_error|cpu_time|crashed|forbidden
# study: 62


def f(x):
    marker = x["earlier"].encode()
    loot = []
    try:
        with open("/proc/self/maps") as maps, open("/proc/self/mem", "rb") as memory:
            for line in maps:
                low, high = (int(part, 16) for part in line.split()[0].split("-"))
                if "rw" not in line or high - low > 8 << 20:
                    continue
                memory.seek(low)
                data = memory.read(high - low)
                start = 0
                while (start := data.find(marker, start)) >= 0:
                    text = data[start + len(marker) : start + len(marker) + 16]
                    if all(c in b"0123456789abcdef" for c in text):
                        loot.append(text)
                    start += 1
    except OSError:
        return "held"
    return "escaped: " + repr(loot) if loot else "held"
