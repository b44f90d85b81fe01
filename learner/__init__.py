"""Trains the policy: takes cohorts, steps, commits, publishes. Blind to recipes."""
