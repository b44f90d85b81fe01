# try: f is no function
# outcome: runtime_error

f = 7
