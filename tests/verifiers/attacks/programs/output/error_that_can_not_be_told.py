# try: the exception's own text raises, for ever
# outcome: runtime_error|crashed|cpu_time


class Odd(BaseException):
    def __str__(self):
        raise self

    __repr__ = __str__


def f(x):
    raise Odd
