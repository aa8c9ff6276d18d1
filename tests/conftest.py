"""Settings that all tests share."""

import os

from hypothesis import settings

settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci")
os.environ.setdefault("MPLBACKEND", "Agg")
