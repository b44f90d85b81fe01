# try: a variable of the process that owns the pool
# outcome: ok|runtime_error
# study: 57

import os


def f(x):
    return "escaped: " + str(dict(os.environ)) if any(x["prefix"] in value for value in os.environ.values()) else "held"
