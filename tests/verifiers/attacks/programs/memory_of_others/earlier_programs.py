# try: scan the heap for what ran before
# outcome: ok|runtime_error|cpu_time|crashed|forbidden
# study: 62

import ctypes


def f(x):
    libc = ctypes.CDLL(None)
    libc.sbrk.restype = ctypes.c_void_p
    marker = x["earlier"].encode()
    top = libc.sbrk(0)
    own = id(x)
    found = set()
    for size in (1 << 16, 1 << 18, 1 << 20, 2 << 20):
        data = ctypes.string_at(top - size, size)
        start = 0
        while (start := data.find(marker, start)) >= 0:
            text = data[start : start + len(marker) + 24]
            found.add(text)
            start += 1
    loot = [t for t in found if all(c in b"0123456789abcdef" for c in t[len(marker) : len(marker) + 16])]
    return "escaped: " + repr(loot) if loot and own else "held"
