"""Usage on the command line: what is read, and what is refused with the text that was given."""

import pytest
from typer.testing import CliRunner

from tests.test_costs import SHOP
from workbench.cli import app
from workbench.usage import read_numbers, read_usage


def test_amounts_are_read_by_table_and_name():
    assert read_usage(["a.b.exports=1_000", "Orders.backups=7"]) == {"a.b": {"exports": 1000}, "Orders": {"backups": 7}}


@pytest.mark.parametrize("text", ["Orders=7", "backups=7", "Orders.backups", ".backups=7", "Orders.backups=many"])
def test_another_form_is_refused_by_its_text(text):
    with pytest.raises(ValueError, match=f"--usage {text}"):
        read_usage([text])


def test_the_same_twice_is_refused():
    with pytest.raises(ValueError, match="stated twice"):
        read_usage(["Orders.backups=7", "Orders.backups=8"])


def test_a_number_that_is_none_is_named():
    with pytest.raises(ValueError, match="--curve 1,x: 'x' is no number"):
        read_numbers("1,x", "--curve ")


def test_the_cost_command_takes_usage_and_a_curve(tmp_path):
    path = tmp_path / "shop.yaml"
    path.write_text(SHOP)
    asked = ["cost", str(path), "--usage", "Orders.stream_reads=5_000_000", "--curve", "1,1,4"]
    answer = CliRunner().invoke(app, asked)
    assert answer.exit_code == 0, answer.output
    plain = CliRunner().invoke(app, ["cost", str(path)])
    # 5 million GetRecords calls at $0.02 for 100,000 (https://aws.amazon.com/dynamodb/pricing/)
    assert total(answer.stdout) - total(plain.stdout) == pytest.approx(1.0, abs=0.011)
    for usage, said in (("Nowhere.backups=1", "no table 'Nowhere'"), ("Orders.backup=1", "'backup' is unknown")):
        wrong = CliRunner().invoke(app, ["cost", str(path), "--usage", usage])
        assert wrong.exit_code == 1 and said in wrong.stderr
    assert "finite numbers" in CliRunner().invoke(app, ["cost", str(path), "--curve", "1,nan"]).stderr


def total(text: str) -> float:
    """The first sum in dollars."""
    return float(text.partition("$")[2].partition(" ")[0])
