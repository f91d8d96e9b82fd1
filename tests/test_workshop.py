"""A workshop on one host: each Lab has its port, token and prefix, and nothing leaves loopback unless BIND says so."""

import json
import os
import re
import shutil
import stat
import subprocess
from typing import Any

import pytest
from ruamel.yaml import YAML
from typer.main import get_command
from typer.testing import CliRunner

from tests.conftest import ROOT
from tests.designs import BOARD
from workbench.cli import app
from workbench.designfile import parse_design
from workbench.engines import start_engine
from workbench.standings import NAMES, Standing, write_standing
from workbench.tables import default_prefix
from workbench.workshop import FILE, RESULTS, seats

FOLDER = ROOT / "notebooks" / "workshop"
NOTES = (FOLDER / "README.md").read_text(encoding="utf-8")


def load(text: str) -> Any:
    return YAML(typ="safe").load(text)


def expanded(text: str, **environ: str) -> str:
    """`${NAME:-default}` filled in, as Compose does it."""
    return re.sub(r"\$\{(\w+):-([^}]*)\}", lambda found: environ.get(found[1]) or found[2], text)


def ports(services: dict[str, Any], **environ: str) -> dict[str, list[str]]:
    return {name: [expanded(port, **environ) for port in one.get("ports", ())] for name, one in services.items()}


@pytest.fixture
def services() -> dict[str, Any]:
    """The services of docker-compose.yml and of a workshop for three, as Compose puts them together."""
    base = load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    return {**base["services"], **load(seats(3).compose_file())["services"]}


# One host


def test_labs_run_as_whoever_prepared_them_so_that_they_may_write_results_but_never_as_root(monkeypatch, tmp_path):
    (tmp_path / "docker-compose.yml").touch()
    owners = []
    monkeypatch.setattr(os, "chown", lambda path, user, group: owners.append((path, user)), raising=False)
    for user, labs in [(1000, 1000), (1234, 1234), (0, 1000)]:
        monkeypatch.setattr(os, "getuid", lambda user=user: user, raising=False)
        assert expanded(load(seats(1).compose_file())["services"]["p01"]["user"]) == str(labs)
        seats(1).write(tmp_path).unlink()
    assert owners == [(tmp_path / RESULTS, 1000)]


def test_everything_is_published_on_loopback_unless_bind_says_so(services):
    assert all(port.startswith("127.0.0.1:") for found in ports(services).values() for port in found)


def test_with_bind_the_participants_labs_leave_loopback_and_nothing_else(services):
    outside = {
        name for name, found in ports(services, BIND="10.0.0.5").items() if not found[0].startswith("127.0.0.1:")
    }
    assert outside == {"p01", "p02", "p03"}
    assert ports(services, BIND="10.0.0.5")["p02"] == ["10.0.0.5:8902:8888"]


def test_each_lab_has_a_port_a_token_a_prefix_and_notebooks_of_its_own(services):
    labs = [services[name] for name in ("p01", "p02", "p03")]
    for own in (
        lambda lab: lab["ports"][0],
        lambda lab: lab["environment"]["JUPYTER_TOKEN"],
        lambda lab: lab["environment"]["WORKBENCH_PREFIX"],
        lambda lab: lab["volumes"][0],
    ):
        assert len({own(lab) for lab in labs}) == 3
    assert all(re.fullmatch("[0-9a-f]{32}", lab["environment"]["JUPYTER_TOKEN"]) for lab in labs)
    assert len({lab["volumes"][1] for lab in labs}) == 1, "the results go to one folder"
    assert len({seats(1).seats[0].token for _ in range(5)}) == 5, "tokens are random"


def test_all_labs_share_the_engine_on_the_compose_network_and_have_neither_root_nor_the_docker_socket(services):
    for name in ("lab", "p01", "p02", "p03"):
        assert services[name]["environment"]["AWS_ENDPOINT_URL_DYNAMODB"] == "http://dynamodb:8000"
        assert services[name]["environment"]["WORKBENCH_LOCAL_HOSTS"] == "dynamodb"
        assert expanded(services[name]["user"]) != "0"
        assert "docker.sock" not in str(services[name]["volumes"]) and "privileged" not in services[name]


def test_the_prefix_of_a_seat_is_one_that_tables_can_have(engine, monkeypatch):
    for seat in (seats(60).seats[0], seats(60).seats[-1]):
        monkeypatch.setenv("WORKBENCH_PREFIX", f"{seat.name}-")
        with start_engine(engine.endpoint_url) as running:
            assert default_prefix(parse_design(BOARD), running).startswith(f"{seat.name}-")


def test_the_file_is_for_your_eyes_alone_and_the_folder_for_results_is_there(tmp_path):
    shutil.copy(ROOT / "docker-compose.yml", tmp_path)
    path = seats(2).write(tmp_path)
    assert path.name == FILE and (tmp_path / RESULTS).is_dir()
    if os.name == "posix":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert FILE in (ROOT / ".gitignore").read_text() and RESULTS in (ROOT / ".gitignore").read_text()


@pytest.mark.parametrize(
    ("given", "said"), [((0,), "1 to 60"), ((61,), "1 to 60"), ((2, 80), "port 80"), ((9, 65_530), "port")]
)
def test_numbers_that_cannot_be_are_refused_with_what_can(given, said):
    with pytest.raises(ValueError, match=said):
        seats(given[0], **({"first_port": given[1]} if len(given) > 1 else {}))


# Commands


def test_the_command_says_who_opens_what_and_never_overwrites_tokens(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    elsewhere = CliRunner().invoke(app, ["workshop", "2"])
    assert elsewhere.exit_code == 1 and "run it in a clone" in elsewhere.output and not (tmp_path / FILE).exists()
    shutil.copy(ROOT / "docker-compose.yml", tmp_path)
    done = CliRunner().invoke(app, ["workshop", "2", "--host", "10.0.0.5"])
    written = (tmp_path / FILE).read_text()
    tokens = re.findall(r'JUPYTER_TOKEN: "(\w+)"', written)
    assert done.exit_code == 0 and len(tokens) == 2
    assert f"http://10.0.0.5:8902/lab/tree/workshop/01_scan.ipynb?token={tokens[1]}" in done.output
    assert "BIND=10.0.0.5 docker compose -f docker-compose.yml -f docker-compose.workshop.yml up" in done.output
    again = CliRunner().invoke(app, ["workshop", "2"])
    assert again.exit_code == 1 and "is here already" in again.output and (tmp_path / FILE).read_text() == written


def test_the_command_prints_the_board_names_what_it_left_out_and_draws_it(tmp_path):
    write_standing(tmp_path, Standing("Ana", "scan", 2, 0, 1_000, 1_090))
    (tmp_path / "x.json").write_text("{")
    done = CliRunner().invoke(app, ["scoreboard", str(tmp_path), "--png", str(tmp_path / "board.png")])
    assert done.exit_code == 0 and "1 participant, 1 of 6 solved; 1 file left out" in done.output
    assert "left out: x.json: not JSON, or cut off" in done.output and "solved (2)" in done.output
    assert (tmp_path / "board.png").read_bytes().startswith(b"\x89PNG")
    missing = CliRunner().invoke(app, ["scoreboard", str(tmp_path / "none")])
    assert missing.exit_code == 1 and "is no folder" in missing.output


# The devcontainer


def test_the_devcontainer_is_the_lab_of_the_compose_file_with_the_whole_clone():
    stated = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text(encoding="utf-8"))
    files = [(ROOT / ".devcontainer" / name).resolve() for name in stated["dockerComposeFile"]]
    assert files == [ROOT / "docker-compose.yml", ROOT / ".devcontainer" / "docker-compose.yml"]
    added = load(files[1].read_text(encoding="utf-8"))["services"][stated["service"]]
    assert added == {"volumes": [f".:{stated['workspaceFolder']}"]}, "paths count from the first file's folder"
    assert stated["service"] == "lab" and stated["remoteUser"] == "lab" and stated["overrideCommand"] is False


# The facilitator's notes


def test_the_minutes_of_the_plan_come_to_90():
    rows = re.findall(r"^\| (\d+)-(\d+) \| (\d+) \|", NOTES, re.MULTILINE)
    times = [tuple(map(int, row)) for row in rows]
    assert sum(minutes for _, _, minutes in times) == 90
    assert all(end - start == minutes for start, end, minutes in times)
    assert [start for start, _, _ in times] == [0, *(end for _, end, _ in times[:-1])] and times[-1][1] == 90


def test_every_exercise_has_a_notebook_a_place_in_the_plan_and_notes():
    books = sorted(FOLDER.glob("0*.ipynb"))
    assert [path.stem.partition("_")[2] for path in books] == list(NAMES)
    for path in books:
        assert f"({path.name})" in NOTES
        part = NOTES.partition(f"### {path.stem}")[2].partition("\n### ")[0]
        assert all(f"**{word}**" in part for word in ("Say", "What people get wrong", "The point")), path.stem


def test_files_and_commands_that_the_notes_name_exist():
    for name in re.findall(r"\]\(([\w./-]+)\)", NOTES):
        assert (FOLDER / name).exists(), name
    commands = set(re.findall(r"^(?:\S*/)?workbench (\w+)", NOTES, re.MULTILINE))
    known = set(get_command(app).commands)
    assert {"workshop", "scoreboard"} <= commands <= known
    assert set(re.findall(r"^make (\w+)", NOTES, re.MULTILINE)) <= {"lab", "setup", "demo", "test"}


# For real


@pytest.mark.docker
def test_compose_takes_both_files_together(tmp_path):
    """`docker compose config` (or docker-compose) reads and checks them; nothing is started."""
    command = ["docker", "compose"]
    if subprocess.run([*command, "version"], capture_output=True).returncode:
        command = ["docker-compose"]
    if not shutil.which(command[0]):
        pytest.skip("Docker Compose is not installed")
    shutil.copy(ROOT / "docker-compose.yml", tmp_path)
    seats(2).write(tmp_path)
    files = ["-f", "docker-compose.yml", "-f", FILE]
    environ = {**os.environ, "BIND": "10.0.0.5"}
    done = subprocess.run([*command, *files, "config"], cwd=tmp_path, capture_output=True, text=True, env=environ)
    assert done.returncode == 0, done.stderr
    found = load(done.stdout)["services"]
    assert set(found) == {"lab", "dynamodb", "p01", "p02"}
    assert "10.0.0.5" in str(found["p01"]["ports"]) and "10.0.0.5" not in str(found["dynamodb"]["ports"])


def test_results_are_not_baked_into_the_image():
    assert RESULTS in (ROOT / ".dockerignore").read_text().splitlines()
