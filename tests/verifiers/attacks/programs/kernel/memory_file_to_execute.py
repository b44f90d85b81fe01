# try: a program without a file
# outcome: ok|runtime_error|forbidden|crashed
# study: 31

import os


def f(x):
    try:
        descriptor = os.memfd_create("x")
        os.write(descriptor, b"#!/bin/sh\nsleep 100\n")
        os.execve(descriptor, ["x"], {})
    except OSError:
        return "held"
