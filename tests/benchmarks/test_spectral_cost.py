"""The script in miniature: every part runs and prints numbers that can be."""

import re
import sys

import pytest

from benchmarks import spectral_cost


@pytest.mark.skipif(sys.platform != "linux", reason="peaks are read from /proc")
def test_every_part_prints_its_numbers(capsys):
    spectral_cost.main(["--quick"])
    printed = capsys.readouterr().out
    shares = [float(found) for found in re.findall(r"median (\S+),", printed)]
    assert len(shares) == 4
    assert all(0 < share < 10 for share in shares)
    assert re.search(r"imported too\n  \d+\.\d\d s\n", printed)
    assert len(re.findall(r"threads: -?\d+ MB; \d+ MB\n", printed)) == 2
    assert [line.split(":")[0].strip() for line in printed.splitlines()[-2:]] == [
        "degree",
        "shuffle",
    ]
