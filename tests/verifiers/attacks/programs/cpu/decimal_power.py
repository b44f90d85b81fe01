# try: enormous arithmetic inside the decimal library
# outcome: cpu_time|memory|runtime_error

import decimal


def f(x):
    decimal.setcontext(decimal.Context(prec=10**7, Emax=decimal.MAX_EMAX))
    return len(str(decimal.Decimal(3) ** 10**9))
