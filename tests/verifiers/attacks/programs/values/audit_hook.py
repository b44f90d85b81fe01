# try: a hook that stops every later operation
# outcome: ok|runtime_error|crashed|cpu_time
# study: 65

import sys


def f(x):
    def hook(event, arguments):
        raise RuntimeError(event)

    sys.addaudithook(hook)
    return "done"
