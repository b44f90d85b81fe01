# try: a repr that costs the reader an hour if it is evaluated
# outcome: runtime_error|ok


class Value:
    def __repr__(self):
        return "9**9**9**9"


def f(x):
    return Value()
