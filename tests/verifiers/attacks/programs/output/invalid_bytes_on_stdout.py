# try: bytes that are not UTF-8, and NUL
# outcome: ok|runtime_error|crashed|forbidden
# study: 36

import os


def f(x):
    os.write(1, b"\xff\xfe\x00\x80" * 100)
    return b"\xff\x00"
