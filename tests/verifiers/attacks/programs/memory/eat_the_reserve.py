# try: leave nothing to say that the memory ran out with
# outcome: memory|cpu_time|crashed|runtime_error

kept = []


def f(x):
    size = 1 << 24
    while size:
        try:
            kept.append(bytes(size))
        except MemoryError:
            size //= 2
    while True:
        kept.append([kept])
