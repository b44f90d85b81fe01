# try: a value of one character more
# outcome: output
# study: 71


def f(x):
    return "x" * (x["output_chars"] - 1)
