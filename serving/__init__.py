"""Rollout replicas: vLLM engines whose weights change under running samples, and the samplers that ask them."""
