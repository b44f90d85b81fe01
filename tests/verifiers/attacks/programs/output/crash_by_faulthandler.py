# try: a fault raised by hand, which PID 1 may ignore
# outcome: crashed|ok|runtime_error
# study: 41

import faulthandler


def f(x):
    faulthandler._sigsegv()
    return "went on"
