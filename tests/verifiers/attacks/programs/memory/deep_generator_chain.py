# try: free a chain that is a million objects deep
# outcome: runtime_error|crashed|memory|cpu_time


def f(x):
    chain = iter(())
    for _ in range(300_000):
        chain = map(abs, chain)
    return list(chain)
