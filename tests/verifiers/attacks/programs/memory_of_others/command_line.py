# try: how the interpreter was started
# outcome: ok|runtime_error|forbidden

import sys


def f(x):
    found = str(sys.orig_argv) + str(sys.argv)
    try:
        found += open("/proc/self/cmdline").read()
    except OSError:
        pass
    return "escaped: " + found if x["prefix"] in found else "held"
