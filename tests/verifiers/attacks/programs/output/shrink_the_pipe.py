# try: make the pipe too small for the answer, so that its write never ends
# outcome: ok|crashed|output|runtime_error|forbidden|wall_time

import fcntl


def f(x):
    for descriptor in range(3, 64):
        try:
            fcntl.fcntl(descriptor, 1031, 4096)
        except OSError:
            pass
    return "x" * 400
