# try: a forbidden call while the answer is being written, or after it
# outcome: ok|forbidden|crashed|runtime_error
import atexit
import os


class Value:
    def __repr__(self):
        try:
            os.fork()
        except OSError:
            pass
        return "'done'"

    def __del__(self):
        os.kill(os.getpid(), 0)


atexit.register(os.fork)


def f(x):
    return Value()
