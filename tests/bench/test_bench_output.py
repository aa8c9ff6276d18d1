import matplotlib.pyplot as plt
import numpy as np
import pytest

from masktopo.bench.plot import plot_cost, save_plot
from masktopo.bench.results import Results
from masktopo.bench.table import WIDTH, format_exponents, format_machine, format_rows
from masktopo.bench.units import time_text
from masktopo.errors import ArgumentError
from tests.bench.timings import row, timing


def _rows(exponent=1.0):
    rows = []
    for edges in (1000, 10000, 30000, 100000):
        case = f"case {edges}"
        seconds = 1e-8 * edges**exponent
        rows.append(row(edges=edges, case=case, timing=timing(seconds), bound=seconds / 4))
        rows.append(row("other", edges=edges, case=case, timing=timing(seconds * 12.5)))
    rows.append(
        row("slow", edges=100000, case="case 100000", status="skipped", note="x" * 200, timing=None)
    )
    return rows


def test_the_table_has_ratios_bounds_and_reasons():
    text = format_rows(_rows())
    assert "suite: task" in text
    assert "case 1000, 1,000 edges, bound 2.50 us" in text
    lines = text.splitlines()
    at = lines.index("case 1000, 1,000 edges, bound 2.50 us")
    cells = [cell.strip() for cell in lines[at + 1].split("  ") if cell]
    assert cells[:4] == ["own", "10.0 us", "9.00 us - 11.0 us", "10.0 us"]
    assert cells[4:] == ["5.00 us", "10", "x1.00", "25 %"]
    assert "x12.5" in lines[at + 2]
    assert "slow" in lines[-1]
    assert "skipped: xxx" in lines[-1]
    assert max(map(len, lines)) <= WIDTH


def test_cases_of_two_tasks_are_grouped():
    rows = [row(task="a", case="one"), row(task="b", case="one"), row(task="a", case="two")]
    lines = format_rows(rows).splitlines()
    assert [line for line in lines if line.startswith("suite")] == ["suite: a", "suite: b"]


def test_exponents_are_listed():
    assert "suite: task: other" in format_exponents(_rows(1.5))
    assert "edges^1.50 +- 0.00" in format_exponents(_rows(1.5))
    assert "at least 10,000 edges" in format_exponents(_rows())
    assert format_exponents(_rows()[:6]) == ""


def test_the_machine_is_described():
    machine = {
        "processor": "Some Chip",
        "cores": 2,
        "load": 0.25,
        "python": "3.11",
        "versions": {"numpy": "2.4", "networkx": None},
        "bandwidth": {"read": {str(2**20): 12.4e9}},
    }
    text = format_machine(Results(machine, {"threads": 2}, []))
    assert "Some Chip, 2 usable cores, load 0.25" in text
    assert "numpy 2.4" in text
    assert "networkx" not in text
    assert "pinned to 2 threads" in text
    assert "1 MB 12" in text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.9996, "1.00 s"),
        (123.4, "123 s"),
        (0.0999, "99.9 ms"),
        (9.999e-3, "10.0 ms"),
        (3e-12, "0.00 ns"),
        (float("nan"), "-"),
    ],
)
def test_times_have_three_digits(seconds, text):
    assert time_text(seconds) == text


def test_the_plot_names_exponents_and_shows_bounds():
    figure = plot_cost(_rows(1.25))
    (axis,) = figure.axes
    labels = [text.get_text() for text in axis.get_legend().get_texts()]
    assert labels == [
        "own\nedges$^{1.25 \\pm 0.00}$",
        "other\nedges$^{1.25 \\pm 0.00}$",
        "bound from memory\nbandwidth",
    ]
    assert axis.get_xscale() == axis.get_yscale() == "log"
    points, line = (drawn.get_xydata() for drawn in axis.lines[:2])
    assert points[:, 0].tolist() == [1000, 10000, 30000, 100000]
    assert line[:, 0].tolist() == [10000, 100000]
    assert np.allclose(line[:, 1], 1e-8 * line[:, 0] ** 1.25)
    assert axis.lines[-1].get_xydata()[:, 0].tolist() == [10000, 30000, 100000]
    plt.close(figure)


def test_a_plot_needs_two_sizes(tmp_path):
    with pytest.raises(ArgumentError, match="no task was timed on two sizes"):
        save_plot(_rows()[:2], tmp_path / "cost.png")


def test_the_plot_is_a_png(tmp_path):
    before = plt.get_fignums()
    save_plot(_rows(), tmp_path / "new" / "cost.png")
    assert (tmp_path / "new" / "cost.png").read_bytes()[:4] == b"\x89PNG"
    assert plt.get_fignums() == before
