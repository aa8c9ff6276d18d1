"""What numba's cache on disk keeps, and what an edit makes it forget."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from masktopo import _numba

CALLEE = """
from package._numba import {decorator}

@{decorator}
def inner(x):
    return {factor} * x
"""

CALLER = """
from package._numba import kernel
from package.kernels.callee import inner

@kernel
def outer(x):
    return inner(x) + 0
"""

CALL = """
import json
from package.kernels.caller import outer
print(json.dumps([outer(10), sum(outer.stats.cache_hits.values())]))
"""


@pytest.fixture
def package(tmp_path):
    """Make a package of two kernel files, one of which calls the other, beside our decorators."""
    kernels = tmp_path / "package" / "kernels"
    kernels.mkdir(parents=True)
    shutil.copy(_numba.__file__, kernels.parent)
    (kernels / "caller.py").write_text(CALLER)
    return kernels


def call(package: Path):
    """Call the outer kernel in a new interpreter; also say whether it came from the cache."""
    folder = package.parents[1]
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(folder / "cache")}
    environment.pop("NUMBA_DISABLE_JIT", None)
    done = subprocess.run(
        [sys.executable, "-c", CALL],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


@pytest.mark.parametrize("decorator", ["kernel", "summing_kernel"])
def test_an_edit_of_a_callee_in_another_file_is_noticed(package, decorator):
    callee = package / "callee.py"
    callee.write_text(CALLEE.format(decorator=decorator, factor=2))
    assert call(package) == [20, 0]
    assert call(package) == [20, 1]
    callee.write_text(CALLEE.format(decorator=decorator, factor=3))
    assert call(package) == [30, 0]
    assert call(package) == [30, 1]
