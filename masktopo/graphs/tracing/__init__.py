"""The wiring of a network from the model itself: its data flow, traced with torch.export."""

from masktopo.graphs.tracing.follow import trace

__all__ = ["trace"]
