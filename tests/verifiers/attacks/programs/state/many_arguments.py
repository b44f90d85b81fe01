# try: more calls than are allowed in one run
# outcome: forbidden
# arguments: 5000


def f(x):
    return x
