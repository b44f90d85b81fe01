# try: make the compiler, not the program, work
# outcome: cpu_time|memory|runtime_error


def f(x):
    return compile("x = " + "(" * 90 + "1" + "**2" * 8 + ")" * 90 + "\n" + "y = 1\n" * 2_000_000, "", "exec")
