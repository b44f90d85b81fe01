import pytest
from typer.testing import CliRunner

from sparring.core.errors import UsageError
from sparring.deploy.cli import app


def report_on(root):
    return CliRunner().invoke(app, ["report", str(root)])


def test_a_report_on_no_run_is_refused_and_makes_nothing(tmp_path):
    result = report_on(tmp_path / "none")
    assert isinstance(result.exception, UsageError)
    assert "none: there is none; start a run" in str(result.exception)
    assert list(tmp_path.iterdir()) == []
    assert isinstance(report_on(tmp_path).exception, UsageError)
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_can_not_be_written_is_named_with_what_to_do(write_run):
    run = write_run().directory
    run.report.with_suffix(".part").mkdir()  # where the page is drafted
    result = report_on(run.root)
    assert isinstance(result.exception, UsageError)
    assert "report.part: Is a directory; the report is written into the run" in str(result.exception)


@pytest.mark.parametrize("kept", ["config", "metrics"])
def test_half_a_run_is_reported_on(write_run, kept):
    run = write_run().directory
    {"config": run.metrics, "metrics": run.config}[kept].unlink()
    assert report_on(run.root).exit_code == 0
