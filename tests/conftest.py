"""Settings of all tests."""

from hypothesis import settings

# How long an example takes is the machine's affair; a test that hangs ends at pytest's timeout.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
