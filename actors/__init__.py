"""The loops that play: openings, worker, collector, evaluation, and the Ray actors that host them."""
