# try: a coding comment that reads the source as something else
# outcome: ok|runtime_error
# study: 73
# prepend: "# -*- coding: utf-7 -*-\n" x 1


def f(x):
    return "+AG8-"
