import importlib.util
from pathlib import Path

import matplotlib.pyplot as plt
import pytest

from tests.study.published_file import plain_rows, write_published
from tests.study.tables import study_table

SCRIPT = Path(__file__).parents[2] / "examples" / "plot_correlations.py"


@pytest.fixture
def example():
    spec = importlib.util.spec_from_file_location("example_plot_correlations", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    plt.close("all")


@pytest.fixture
def ours(tmp_path):
    table = study_table().rename(columns={"gap": "ramanujan_gap", "noise": "imdb"})
    table.to_csv(tmp_path / "results.csv", index=False)
    return tmp_path / "results.csv"


def run(example, tmp_path, ours, published):
    options = ["--ours", ours, "--published", published, "-o", tmp_path / "plots"]
    example.main([*map(str, options), "--resamples", "20"])
    return sorted(path.name for path in (tmp_path / "plots").iterdir())


def test_both_studies_are_plotted_and_told(example, tmp_path, ours, capsys):
    published = write_published(tmp_path / "published.csv", plain_rows(60))
    plots = run(example, tmp_path, ours, published)
    assert plots == [
        "ours-correlations.png",
        "ours-scatter.png",
        "published-correlations.png",
        "published-scatter.png",
    ]
    told = capsys.readouterr().out
    assert "OURS: 54 networks" in told
    assert "Spearman with accuracy, within density, 2 of 2 metrics:" in told
    assert "cannot be told from zero: imdb" in told
    assert "PUBLISHED: 60 networks" in told
    assert "Spearman with accuracy, within dataset, density, 15 of 16 metrics:" in told


def test_without_the_published_file_only_our_own_is_shown(example, tmp_path, ours, capsys):
    missing = tmp_path / "nowhere.csv"
    assert run(example, tmp_path, ours, missing) == ["ours-correlations.png", "ours-scatter.png"]
    assert f"published: not shown, since there is no {missing}" in capsys.readouterr().out
