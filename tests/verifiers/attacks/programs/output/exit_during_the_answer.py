# try: leave while the value is being written down
# outcome: crashed|runtime_error
# study: 72

import os


class Value:
    def __repr__(self):
        os._exit(0)


def f(x):
    return Value()
