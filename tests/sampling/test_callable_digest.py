"""What is noticed of a callable, and what is not."""

import os
import subprocess
import sys
import threading
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from masktopo.sampling.callable_digest import callable_digest

FACTOR = 2


def by_closure(value):
    return lambda found: found * value


def by_default(value):
    return lambda found, factor=value: found * factor


def by_partial(value):
    return partial(np.multiply, value)


class ByState:
    def __init__(self, value):
        self.value = value

    def __call__(self, found):
        return found * self.value

    def method(self, found):
        return found * self.value


def by_method(value):
    return ByState(value).method


MAKERS = [by_closure, by_default, by_partial, ByState, by_method]
VALUES = [1, 1.0, "1", (1, 2), {"a": 1}, {"one", "two", "three"}, Path("one"), None]
ARRAYS = [np.zeros(2), np.zeros(3), np.zeros(2, np.float32), torch.zeros(2), torch.ones(2)]


@pytest.mark.parametrize("make", MAKERS)
def test_what_a_callable_carries_along_counts(make):
    values = [*VALUES, *ARRAYS]
    digests = [callable_digest(make(value)) for value in values]
    assert digests == [callable_digest(make(value)) for value in values]
    assert len(set(digests)) == len(values)


def test_code_counts():
    digests = {
        callable_digest(function)
        for function in (
            lambda found: found.imdb,
            lambda found: found.imsg,
            lambda found: found.imdb + 1,
            lambda found: found.imdb + 2,
            lambda found: [value + 1 for value in found],
            lambda found: [value + 2 for value in found],
            lambda found: (lambda: found + 1)(),
            lambda found: (lambda: found + 2)(),
        )
    }
    assert len(digests) == 8


def helper(found):
    return found + 1


def other_helper(found):
    return found + 2


def test_globals_and_helpers_count(monkeypatch):
    def score(found):
        return helper(found) * FACTOR

    before = callable_digest(score)
    monkeypatch.setitem(globals(), "FACTOR", 3)
    changed = callable_digest(score)
    monkeypatch.setitem(globals(), "helper", other_helper)
    assert len({before, changed, callable_digest(score)}) == 3


def test_what_contains_itself_or_cannot_be_pickled_has_a_digest():
    def countdown(n):
        return n and countdown(n - 1)

    cyclic = [1]
    cyclic.append(cyclic)
    for function in (countdown, by_closure(cyclic), by_closure(threading.Lock()), np.log, len):
        assert callable_digest(function) == callable_digest(function)
    assert callable_digest(np.log) != callable_digest(np.exp)


SCRIPT = """
import numpy as np
from functools import partial
from pathlib import Path
from masktopo.sampling.callable_digest import callable_digest

class Score:
    def __init__(self, names):
        self.names = names

    def __call__(self, found):
        return found.imdb if found.name in {"one", "two", "three"} else helper(found)

def helper(found):
    return Score

inner = Score({"four", "five", "six"})
for function in (inner, helper, lambda found: inner(found), partial(inner, Path("x"), np.ones(3))):
    print(callable_digest(function))
"""


def test_a_digest_is_the_same_in_another_process():
    outputs = {
        subprocess.run(
            [sys.executable, "-c", SCRIPT],
            env={**os.environ, "PYTHONHASHSEED": str(seed)},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for seed in (1, 2, 3)
    }
    assert len(outputs) == 1
    assert len(set(outputs.pop().split())) == 4
