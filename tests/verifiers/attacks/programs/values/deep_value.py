# try: nested deeper than a reader may follow
# outcome: runtime_error|output


def f(x):
    value = []
    for _ in range(190):
        value = [value]
    return value
