# try: three hundred characters that take the reader an hour, if it writes each part twice
# outcome: ok|runtime_error|output
def f(x):
    value = frozenset([1])
    for _ in range(17):
        value = frozenset([value])
    return value
