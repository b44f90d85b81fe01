# try: compute while the value is being written down
# outcome: cpu_time


class Value:
    def __repr__(self):
        while True:
            pass


def f(x):
    return Value()
