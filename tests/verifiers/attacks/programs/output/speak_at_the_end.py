# try: print from atexit and __del__ after the answer
# outcome: ok|crashed|runtime_error
# study: 39

import atexit


class Loud:
    def __del__(self):
        print("forged" * 1000)


kept = Loud()


def f(x):
    atexit.register(print, "forged" * 1000)
    return "done"
