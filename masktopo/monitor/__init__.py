"""The topology of a network while it trains."""

from masktopo.monitor.monitor import Monitor
from masktopo.monitor.rows import NETWORK
from masktopo.monitor.settings import MonitorSettings

__all__ = ["NETWORK", "Monitor", "MonitorSettings"]
