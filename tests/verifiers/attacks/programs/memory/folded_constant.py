# try: make the compiler build a huge constant
# outcome: memory|runtime_error


def f(x):
    return len(eval("('a' * 4000 + 'b' * 4000) * 4000 * 4000"))
