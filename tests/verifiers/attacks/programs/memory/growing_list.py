# try: more memory bit by bit
# outcome: memory|cpu_time
# study: 11


def f(x):
    kept = []
    while True:
        kept.append(bytearray(1 << 20))
