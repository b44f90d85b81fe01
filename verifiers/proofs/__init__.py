"""Formal proofs: the statement is ours, the proof is a model's, and only a kernel in a clean process says "proved".

backend     what the pool asks of a prover             pool       sessions kept warm, limits, one verdict a claim
"""
