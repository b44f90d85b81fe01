# try: a huge text out of a short format
# outcome: memory|runtime_error


def f(x):
    return len(f"{0:>9999999999}")
