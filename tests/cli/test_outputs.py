"""Outputs that cannot be written: said before the work, in one line that names them."""

import errno
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest

from masktopo import LayerMask, MaskSet
from masktopo.cli.main import main
from masktopo.cli.outputs import check_file, check_folder, writing
from masktopo.errors import ArgumentError, CheckpointError
from masktopo.masks.formats.export import EXPORTS


@pytest.fixture
def masks(tmp_path):
    rng = np.random.default_rng(0)
    layer = LayerMask("fc", rng.random((20, 30)) < 0.3, rng.standard_normal((20, 30)))
    MaskSet([layer]).save(tmp_path / "net.masks")
    return str(tmp_path / "net.masks")


@pytest.fixture
def file(tmp_path):
    """An ordinary file, where a folder is needed."""
    path = tmp_path / "afile.html"
    path.write_text("kept")
    return path


TO_FILES = {
    "analyze": ["analyze", "MASKS", "-o", "OUT/x.html"],
    "compare": ["compare", "MASKS", "MASKS", "-o", "OUT/x.csv"],
    "convert": ["convert", "MASKS", "OUT/x.masks"],
    "export graphml": ["export", "MASKS", "--to", "graphml", "-o", "OUT/x.graphml"],
    "export npz": ["export", "MASKS", "--to", "npz", "-o", "OUT/x.npz"],
    "export wiring": ["export", "MASKS", "--to", "wiring", "-o", "OUT/x.json"],
    "prune": ["prune", "-o", "OUT/x.masks"],
}
TO_FOLDERS = {
    "analyze several": ["analyze", "MASKS", "MASKS", "-o", "OUT"],
    "export parquet": ["export", "MASKS", "--to", "parquet", "-o", "OUT"],
    "pags": ["pags", "-o", "OUT"],
    "train": ["train", "-o", "OUT"],
    "demo": ["demo", "-o", "OUT"],
}


def filled(command, **places):
    """Put places into a command."""
    for name, place in places.items():
        command = [word.replace(name, str(place)) for word in command]
    return command


@pytest.fixture
def no_work(monkeypatch):
    """Whatever a command reads or builds first comes too early."""

    def early(*_, **__):
        raise AssertionError("the work has begun")

    for place in (
        *("masks.load.load_masks", "comparison.compare", "study.demo.run_demo"),
        *("cli.analyze.given_wiring", "cli.export.given_wiring"),
        *("cli.pags.load_network", "cli.prune.load_network", "cli.train.load_network"),
    ):
        monkeypatch.setattr(f"masktopo.{place}", early)


@pytest.mark.usefixtures("no_work")
@pytest.mark.parametrize("command", TO_FILES.values(), ids=TO_FILES)
def test_files_that_cannot_be_written(command, masks, file, tmp_path, capsys):
    below_file = filled(command, MASKS=masks, OUT=file)
    assert main(below_file) == 2
    reason = f"{below_file[-1]} cannot be written: {file} is no folder"
    assert capsys.readouterr().err == f"masktopo: error: {reason}\n"
    assert file.read_text() == "kept"
    folder = filled(command, MASKS=masks, OUT=tmp_path)
    Path(folder[-1]).mkdir()
    assert main(folder) == 2
    expected = f"masktopo: error: {folder[-1]} cannot be written: it is a folder\n"
    assert capsys.readouterr().err == expected


@pytest.mark.usefixtures("no_work")
@pytest.mark.parametrize("command", TO_FOLDERS.values(), ids=TO_FOLDERS)
def test_folders_that_cannot_be_written(command, masks, file, capsys):
    for out in (file, file / "below"):
        assert main(filled(command, MASKS=masks, OUT=out)) == 2
        reason = f"{out} cannot be written: {file} is no folder"
        assert capsys.readouterr().err == f"masktopo: error: {reason}\n"
    assert file.read_text() == "kept"


@pytest.mark.parametrize("check", [check_file, check_folder])
def test_checks_leave_nothing_behind(check, tmp_path):
    check(tmp_path / "new" / "net")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("check", [check_file, check_folder])
def test_folders_without_permission(check, tmp_path, monkeypatch):
    def refuse(**_):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), "/tmp/tmpx1")

    # Permissions do not stop root, who may run the tests.
    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    with pytest.raises(ArgumentError, match=r"net cannot be written: Permission denied$"):
        check(tmp_path / "net")


def test_devices_are_not_replaced():
    with pytest.raises(ArgumentError, match="/dev/null cannot be written: it is no ordinary file"):
        check_file(Path("/dev/null"))


def test_errors_that_explain_themselves_stay():
    with pytest.raises(CheckpointError, match=r"^damaged$"), writing(Path("out")):
        raise CheckpointError("damaged")


@pytest.fixture
def small_files():
    """Let no file grow beyond a few bytes, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (64, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("ending", EXPORTS)
def test_a_disk_that_fills_up(ending, masks, tmp_path, capsys, request):
    out = tmp_path / f"out{ending}"
    request.getfixturevalue("small_files")
    assert main(["convert", masks, str(out)]) == 2
    error = capsys.readouterr().err
    assert error == f"masktopo: error: {out} cannot be written: File too large\n"
    assert [path.name for path in tmp_path.iterdir()] == ["net.masks"]


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "No space left on device"),
        (NotADirectoryError(errno.ENOTDIR, "Not a directory", "a/b"), "a/b: Not a directory"),
        (OSError("nothing is known"), "nothing is known"),
    ],
)
def test_errors_of_the_system_are_one_line(error, line, masks, monkeypatch, capsys):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr("masktopo.masks.survey.survey", fail)
    assert main(["inspect", masks]) == 2
    assert capsys.readouterr().err == f"masktopo: error: {line}\n"


def inspected(masks, stdout):
    """Run ``masktopo inspect`` in a process of its own; return its status and its errors."""
    command = [sys.executable, "-m", "masktopo", "inspect", masks]
    done = subprocess.run(command, stdout=stdout, stderr=subprocess.PIPE, text=True)
    return done.returncode, done.stderr


def test_a_reader_that_has_seen_enough(masks):
    reader, writer = os.pipe()
    os.close(reader)
    assert inspected(masks, writer) == (1, "")
    os.close(writer)


def test_standard_output_that_is_full(masks):
    with Path("/dev/full").open("w") as full:
        assert inspected(masks, full) == (2, "masktopo: error: No space left on device\n")
