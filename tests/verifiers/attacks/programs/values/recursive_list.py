# try: a list that contains itself
# outcome: runtime_error|ok
# study: 64


def f(x):
    value = []
    value.append(value)
    return value
