# try: a file in /
# outcome: ok|runtime_error|forbidden|crashed
# study: 50


def f(x):
    try:
        open("/" + x["name"], "w").close()
    except OSError:
        return "held"
    return "escaped: wrote /"
