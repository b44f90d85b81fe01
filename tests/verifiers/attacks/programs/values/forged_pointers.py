# try: overwrite the interpreter's own objects
# outcome: crashed|runtime_error|ok

import ctypes


def f(x):
    for address in (id(None), id(int), id(True)):
        ctypes.memset(address, 0xFF, 64)
    return None
