# try: count the calls in a global variable
# outcome: ok|nondeterministic
# study: 78
# determinism

calls = []


def f(x):
    calls.append(x)
    return len(calls)
