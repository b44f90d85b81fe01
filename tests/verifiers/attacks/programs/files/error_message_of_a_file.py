# try: make a traceback quote a line of the host's file
# outcome: runtime_error|forbidden|ok

import linecache


def f(x):
    line = linecache.getline(x["secret_file"], 1)
    return "escaped: " + line if line else "held"
