# try: __class__ says int
# outcome: ok|runtime_error
# study: 63


class Odd:
    __class__ = int

    def __repr__(self):
        raise SystemExit


def f(x):
    return Odd()
