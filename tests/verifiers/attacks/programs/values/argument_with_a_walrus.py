# try: an argument that replaces f on its way
# outcome: runtime_error|ok
# argument: (f := 7)
# never: forged


def f(x):
    return x
