# try: nan, infinities and negative zero stay what they are
# outcome: ok
# study: 69
# returns: [nan, inf, -0.0, True, 1, 1.0]


def f(x):
    return [float("nan"), float("inf"), -0.0, True, 1, 1.0]
