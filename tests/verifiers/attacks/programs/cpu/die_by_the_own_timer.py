# try: an end by one's own timer that looks like the limit's
# outcome: cpu_time|wall_time|crashed|ok
import signal


def f(x):
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_PROF, 0.01)
    total = 0
    for number in range(10**9):
        total += number
    return total
