# try: an error whose parts are no error's
# outcome: runtime_error|crashed|output


class Odd(Exception):
    def __str__(self):
        return "\x00\ud800" * 100_000


Odd.__name__ = "MemoryError" * 10_000


def f(x):
    raise Odd
