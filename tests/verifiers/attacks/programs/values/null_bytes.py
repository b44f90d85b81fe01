# try: NUL in the source
# outcome: runtime_error|forbidden
# study: 73
# append: "\x00" x 3


def f(x):
    return 1
