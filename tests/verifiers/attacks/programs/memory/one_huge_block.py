# try: more memory than there is, at once
# outcome: memory
# study: 10


def f(x):
    return len(bytearray(10**10))
