import sys

import pytest

from masktopo._progress import shows_progress


@pytest.mark.parametrize("terminal", [True, False])
@pytest.mark.parametrize("notebook", [True, False])
def test_bars_show_where_somebody_looks_on(monkeypatch, terminal, notebook):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal)
    if notebook:
        monkeypatch.setitem(sys.modules, "ipykernel", None)
    assert shows_progress(None) == (terminal or notebook)
    assert shows_progress(True)
    assert not shows_progress(False)
