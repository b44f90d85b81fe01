# try: the environment the interpreter was started with
# outcome: ok|runtime_error|forbidden
# study: 55


def f(x):
    try:
        found = open("/proc/self/environ").read()
    except OSError:
        return "held"
    return "escaped: " + found if x["prefix"] in found else "held"
