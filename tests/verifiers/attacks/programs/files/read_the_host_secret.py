# try: read a file that everybody on the host may read
# outcome: ok|runtime_error|forbidden
# study: 47


def f(x):
    try:
        return "escaped: " + open(x["secret_file"]).read()
    except OSError:
        return "held"
