"""Every suite by name. A new one is one file with a `SUITE` and one line here."""

from masktopo.bench.cases import Suite
from masktopo.bench.suites import expansion, graph, paths, pipeline, spectral

__all__ = ["SUITES"]

SUITES: dict[str, Suite] = {
    "spectral": spectral.SUITE,
    "expansion": expansion.SUITE,
    "graph": graph.SUITE,
    "paths": paths.SUITE,
    "pipeline": pipeline.SUITE,
}
