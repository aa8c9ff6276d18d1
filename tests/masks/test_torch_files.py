"""What stops the writing of a file of torch comes up as it is, wherever it strikes."""

import io
import os

import pytest
import torch

from masktopo.masks.torch_files import save_torch

VALUE = {"long": torch.arange(20000), "short": torch.ones(3)}


class Failing(io.BytesIO):
    """A file whose n-th write fails."""

    def __init__(self, at=0, error=None):
        super().__init__()
        self.at, self.error, self.writes = at, error, 0

    def write(self, data):
        self.writes += 1
        if self.writes == self.at:
            raise self.error
        return super().write(data)


def count_writes():
    file = Failing()
    save_torch(VALUE, file)
    return file.writes


def full_disk():
    return OSError(28, os.strerror(28))


@pytest.mark.parametrize("make", [KeyboardInterrupt, full_disk])
@pytest.mark.parametrize("at", range(1, count_writes() + 1))
def test_what_stops_a_write_comes_up(at, make):
    error = make()
    with pytest.raises(type(error)) as raised:
        save_torch(VALUE, Failing(at, error))
    assert raised.value is error


def test_other_errors_stay():
    with pytest.raises(RuntimeError, match="unexpected pos"):
        save_torch(VALUE, Failing(2, ValueError("closed")))


def test_what_was_handled_before_is_no_reason():
    try:
        raise KeyboardInterrupt
    except KeyboardInterrupt:
        with pytest.raises(RuntimeError, match="unexpected pos"):
            save_torch(VALUE, Failing(2, ValueError("closed")))


def test_what_is_written_is_read():
    file = io.BytesIO()
    save_torch(VALUE, file)
    found = torch.load(io.BytesIO(file.getvalue()), weights_only=True)
    assert torch.equal(found["long"], VALUE["long"])
