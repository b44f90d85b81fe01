# try: a value too deep to be written down
# outcome: ok|runtime_error|crashed|memory|output


def f(x):
    value = ()
    for _ in range(200_000):
        value = (value,)
    return value
