# try: processes through the standard library
# outcome: ok|runtime_error|forbidden|crashed|wall_time


def f(x):
    import multiprocessing

    try:
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            return "escaped: " + str(pool.apply(abs, (-1,)))
    except OSError:
        return "held"
