# try: control characters that a terminal obeys, in an error's message
# outcome: runtime_error|ok
# never: "\x1b"
def f(x):
    raise ValueError("\x1b]0;forged\x07\x1b[2J\r[red]forged[/red]")
