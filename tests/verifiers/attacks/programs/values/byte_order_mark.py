# try: a program that begins with a byte order mark
# outcome: runtime_error|ok|forbidden
# study: 73
# prepend: "\ufeff" x 1


def f(x):
    return 1
