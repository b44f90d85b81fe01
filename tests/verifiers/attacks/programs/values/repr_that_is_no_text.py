# try: __repr__ returns an int
# outcome: runtime_error


class Value:
    def __repr__(self):
        return 7


def f(x):
    return Value()
