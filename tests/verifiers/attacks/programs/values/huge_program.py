# try: ten megabytes of source
# outcome: forbidden|output
# study: 73
# append: "# filler\n" x 1200000


def f(x):
    return 1
