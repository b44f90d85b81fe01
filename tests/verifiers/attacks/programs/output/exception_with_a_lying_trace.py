# try: an endless chain of causes
# outcome: runtime_error|crashed|cpu_time


def f(x):
    error = last = ValueError("0")
    for number in range(50_000):
        last.__context__ = ValueError(str(number))
        last = last.__context__
    raise error
