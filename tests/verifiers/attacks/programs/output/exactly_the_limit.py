# try: a value of as many characters as are allowed
# outcome: ok
# study: 71


def f(x):
    return "x" * (x["output_chars"] - 2)
