"""Verifiers trust nobody: what is true is decided by running programs, in processes that hold nothing of ours.

client      Verify over Ray actors: coalesces, routes, waits for restarts     envelope  claims as bytes
executor    ExecutorPool (async) and BlockingVerifier (single process)         judge     what to run for a claim
zygote      runs one program at a time                 protocol  what goes in and out; reading: what it means
hold        one interpreter's process and jail         equality  when two texts are the same value
inside/     the program of that interpreter            remote    an HTTP service in place of an interpreter

tiers       how well this machine can isolate          syscalls     what a program may ask of the kernel
jail        how an interpreter of each tier starts     interpreter  the files that it needs
jailer      root's first step into a jail
"""
