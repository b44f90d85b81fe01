# try: an argument that closes the call and opens another
# outcome: runtime_error
# argument: 1) or __import__("os")._exit(0) or (2


def f(x):
    return x
