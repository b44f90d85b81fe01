# try: behave differently in the second run by an address
# outcome: nondeterministic
# study: 78
# determinism


def f(x):
    return id(object())
