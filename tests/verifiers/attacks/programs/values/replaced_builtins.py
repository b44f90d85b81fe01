# try: an interpreter without built-in functions
# outcome: ok|runtime_error|crashed
# study: 66


def f(x):
    import builtins
    import sys

    sys._getframe(1).f_globals["__builtins__"] = {}
    remove = delattr
    for name in list(vars(builtins)):
        remove(builtins, name)
    return 7
