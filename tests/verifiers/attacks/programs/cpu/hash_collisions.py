# try: a dict whose keys all hash alike
# outcome: cpu_time


def f(x):
    modulus = 2**61 - 1
    return len({key * modulus: 0 for key in range(1, 30_000)})
