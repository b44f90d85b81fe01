"""What runs inside a jail, started by main.py with the standard library alone.

main        the zygote: forks a child for each program        child    what a child gives up before it runs one
watch       waits for a child, ends it, says how it ended     program  runs a program and writes what it returns
confinement what is prepared once for all children            kernel   calls that the standard library lacks
wire        what crosses the border of a jail
"""
