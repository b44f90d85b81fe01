# try: a repr of a gigabyte
# outcome: memory|output|runtime_error
# study: 64


class Value:
    def __repr__(self):
        return "x" * (1 << 30)


def f(x):
    return Value()
