# try: go on computing once the value has been returned
# outcome: ok|cpu_time


class Slow:
    def __del__(self):
        while True:
            pass


kept = Slow()


def f(x):
    return "done"
