# try: text that is not encodable
# outcome: forbidden|runtime_error
# study: 73
# append: "# \ud800" x 1


def f(x):
    return 1
