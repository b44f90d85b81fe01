"""Verifiers trust nobody: what is true is decided by running programs, in processes that hold nothing of ours.

client      Verify over Ray actors: coalesces, routes, waits for restarts     envelope  claims as bytes
executor    ExecutorPool (async) and BlockingVerifier (single process)         judge     what to run for a claim
zygote      the parent's hold on one interpreter       protocol  what goes in and out, and what it means
runner      the program of that interpreter            equality  when two texts are the same value
"""
