# try: quadratic conversion of an int to text
# outcome: runtime_error
# study: 5


def f(x):
    return str(10**100_000)
