# try: a value that acts when it is unpickled
# outcome: runtime_error|ok|output
# study: 68

import os


class Bomb:
    def __reduce__(self):
        return (os.system, ("true",))

    def __getstate__(self):
        raise SystemExit


def f(x):
    return Bomb()
