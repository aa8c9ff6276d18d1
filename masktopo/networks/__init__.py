"""Reference networks, one family a file, and their registry."""

from masktopo.networks.registry import NETWORKS, build_network

__all__ = ["NETWORKS", "build_network"]
