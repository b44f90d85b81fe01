# try: overflow the parser's stack
# outcome: runtime_error|memory|crashed
# study: 17


def f(x):
    return eval("(" * 100_000 + ")" * 100_000)
