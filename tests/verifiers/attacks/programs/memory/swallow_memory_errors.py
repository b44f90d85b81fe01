# try: go on after every failed allocation
# outcome: cpu_time|memory


def f(x):
    kept = []
    while True:
        try:
            kept.append(bytearray(1 << 22))
        except MemoryError:
            pass
