"""The commands as somebody types them: what they print, where, and with which exit code."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from click.testing import Result
from typer.testing import CliRunner

from workbench.cli import app
from workbench.designfile import json_schema, load_design
from workbench.engine import Engine
from workbench.engines import start_engine
from workbench.errors import RequestError
from workbench.runs import run_patterns

ROOT = Path(__file__).parent.parent
TASK_BOARD = ROOT / "notebooks" / "designs" / "task_board.yaml"
WORKBENCH = [sys.executable, "-m", "workbench"]
posix = pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
SMALL = """\
name: small
tables: {Notes: {partition_key: PK, sort_key: SK, ttl: expires}}
fields:
  user: {count: 10}
  note: {per: user, count: 3}
entities:
  Note:
    key: {PK: "USER#{user}", SK: "NOTE#{note}"}
    attributes: {text: text(40), at: timestamp(-5d..now), expires: epoch(at + 30d)}
access_patterns:
  list: {operation: Query, key_condition: PK = :PK, expect: {items: 3}}
  add: {operation: PutItem, condition: attribute_not_exists(PK)}
  add-again:
    operation: PutItem
    target: existing
    condition: attribute_not_exists(PK)
    expect: {error: ConditionalCheckFailedException}
  by-note: {operation: GetItem, given: [note], unserved: the caller has no user}
"""


@pytest.fixture
def small(tmp_path: Path) -> Path:
    path = tmp_path / "small.yaml"
    path.write_text(SMALL)
    return path


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ENDPOINT_URL_DYNAMODB", "WORKBENCH_ENGINE"):
        monkeypatch.delenv(name, raising=False)


def typed(*words: str | Path) -> Result:
    """What a command does, in this process."""
    done = CliRunner().invoke(app, [str(word) for word in words], prog_name="workbench")
    assert done.exception is None or isinstance(done.exception, SystemExit), "never a traceback"
    return done


def tables_on(engine: Engine) -> list[str]:
    return engine.call("ListTables", {})["TableNames"]


# run


def test_run_shows_units_items_and_what_to_know(engine, small):
    done = typed("run", small, "--engine", engine.endpoint_url, "--calls", "5")
    assert (done.exit_code, done.stderr) == (0, "")
    first, *lines = done.stdout.splitlines()
    assert first == f"url engine ({engine.version}) at {engine.endpoint_url}; asked for"
    heading, *table = [re.split(r"  +", line) for line in lines[:5]]
    assert heading == [
        *("access pattern", "operation", "calls", "items read", "returned", "read units", "write units"),
        *("engine's units", "ms", "failed as expected"),
    ]
    assert [[name, operation, calls] for name, operation, calls, *_ in table] == [
        ["list", "Query", "5"],
        ["add", "PutItem", "5"],
        ["add-again", "PutItem", "5"],
        ["by-note", "GetItem", "0"],
    ]
    assert table[0][3:6] == ["3", "3", "0.5"], "three notes of 121 bytes, eventually consistent"
    assert table[1][3:5] == ["1", "1"], "a write unit, and the engine says so too"
    assert (table[2][3], table[2][-1]) == ("1", "5"), "a failed condition is charged"
    assert table[3][3:] == []
    assert lines[5].startswith("Items and units are means per call, ms the median. Units are computed from the bytes")
    assert lines[6] == "note: all 30 items loaded"
    assert lines[7].startswith("note: TTL on Notes.expires is declared but not switched on: ")
    assert re.match(r"note: what url \(.*\) reports for reads proves nothing", lines[8])
    assert lines[9].startswith("not served: by-note: GetItem needs the whole primary key of Notes (PK = USER#{user}, ")
    assert len(lines) == 10
    assert not tables_on(engine)


def test_columns_without_anything_in_them_are_left_out(engine, tmp_path):
    path = tmp_path / "reads.yaml"
    path.write_text(SMALL[: SMALL.index("  add:")])
    heading = typed("run", path, "--engine", engine.endpoint_url).stdout.splitlines()[1]
    assert "read units" in heading
    assert "write units" not in heading
    assert "failed" not in heading


def test_an_expectation_that_fails_is_listed_and_the_exit_code_is_1(engine, small):
    small.write_text(SMALL.replace("items: 3}", "items: 4}"))
    done = typed("run", small, "--engine", engine.endpoint_url, "--calls", "5")
    assert done.exit_code == 1
    assert done.stderr.splitlines() == [
        "FAILED list, call 1: expected 4 items, and 3 came back",
        "FAILED list, call 2: expected 4 items, and 3 came back",
        "FAILED list, call 3: expected 4 items, and 3 came back",
        "FAILED list: and 2 calls more",
    ]
    assert "note: all 30 items loaded" in done.stdout, "what was measured is shown all the same"
    assert not tables_on(engine)


def test_run_measures_what_the_library_does(engine, small, tmp_path):
    output = tmp_path / "calls.csv"
    done = typed("run", small, "--engine", engine.endpoint_url, "--calls", "3", "--seed", "11", "--output", output)
    assert done.exit_code == 0
    from workbench.items import generate_items

    design = load_design(small)
    calls = run_patterns(design, engine, generate_items(design, seed=11), calls=3, progress=False).calls
    written = pd.read_csv(output, keep_default_na=False, na_values={"engine_units": [""]})
    columns = [name for name in calls if name not in ("latency_ms", "engine_units")]
    pd.testing.assert_frame_equal(written[columns], calls[columns])


def test_keep_and_prefix_say_which_tables_stay(engine, small):
    words = ("run", small, "--engine", engine.endpoint_url, "--prefix", "cli-test-")
    assert typed(*words, "--keep").exit_code == 0
    assert sorted(tables_on(engine)) == ["cli-test-Notes", "cli-test-workbench-tables-small"]
    assert typed(*words).exit_code == 0
    assert not tables_on(engine)


def test_a_sample_is_said(engine, small):
    done = typed("run", small, "--engine", engine.endpoint_url, "--sample", "20", "--calls", "1")
    assert "note: 20 of 30 items loaded: all that the calls reach, and a sample of the rest" in done.stdout


def test_a_foreign_table_is_left_alone_and_the_option_named(engine, small):
    typed("run", small, "--engine", engine.endpoint_url, "--prefix", "other-", "--keep")
    small.write_text(SMALL.replace("name: small", "name: mine"))
    done = typed("run", small, "--engine", engine.endpoint_url, "--prefix", "other-")
    assert done.exit_code == 1
    assert done.stderr.startswith("workbench: table other-Notes is on url")
    assert "--prefix mine-" in done.stderr
    assert "other-Notes" in tables_on(engine)
    small.write_text(SMALL)
    assert typed("run", small, "--engine", engine.endpoint_url, "--prefix", "other-").exit_code == 0
    assert not tables_on(engine)


def test_an_output_that_cannot_be_written_is_said_before_anything_runs(engine, small, tmp_path):
    done = typed("run", small, "--engine", engine.endpoint_url, "--output", tmp_path / "no" / "such" / "calls.csv")
    assert done.exit_code == 1
    assert re.match(r"workbench: .*no.such", done.stderr)
    assert done.stdout == ""


def test_an_unknown_engine_and_one_that_does_not_answer(small):
    done = typed("run", small, "--engine", "nosql")
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.startswith(
        "workbench: engine 'nosql' is unknown; there are auto, docker, java, dynoxide, embedded, the URL"
    )
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, and not listening
        done = typed("run", small, "--engine", f"http://127.0.0.1:{taken.getsockname()[1]}")
    assert done.exit_code == 1
    assert re.match(
        r"workbench: no answer from url engine at http://127\.0\.0\.1:\d+: .*start DynamoDB there", done.stderr
    )


# Files that are no designs


def directory(path: Path) -> None:
    path.mkdir()


def binary(path: Path) -> None:
    path.write_bytes(bytes(range(128, 256)))


def text(content: str) -> Callable[[Path], Any]:
    return lambda path: path.write_text(content)


BAD: dict[str, tuple[Callable[[Path], Any], str]] = {
    "no file": (lambda path: None, ":1:1: no such file; `workbench new design` writes a design to start from"),
    "a directory": (directory, ":1:1: a folder: name a design file in it"),
    "a binary file": (binary, ":1:1: not UTF-8 text: byte 0x80; save the file as UTF-8"),
    "an empty file": (text(""), ":1:1: a design is a mapping with name, tables and access_patterns; the file is empty"),
    "no YAML": (text("name: [open\n"), ":1:1: not YAML: what begins in this line is not closed"),
    "an error in the design": (
        text(SMALL.replace("PK = :PK", "SK = :SK")),
        ":11:43: partition key PK of table Notes must be fixed with PK = :value; a Query reads one item collection",
    ),
}


@pytest.mark.parametrize("command", ["check", "run"])
@pytest.mark.parametrize("what", BAD)
def test_a_file_that_is_no_design_is_an_error_with_its_place(tmp_path, command, what):
    path = tmp_path / "design.yaml"
    BAD[what][0](path)
    done = typed(command, path)
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.startswith(f"workbench: {path}{BAD[what][1]}")


ROWS = """\
name: rows
tables: {Rows: {partition_key: PK}}
rows: {given: {%s}}
entities: {Row: {rows: given}}
access_patterns: {get: {operation: GetItem}}
"""


@pytest.mark.parametrize(
    ("source", "place", "reason"),
    [
        (
            "from: nowhere.csv",
            ":3:8",
            "rows 'given': {folder}/nowhere.csv does not exist; paths count from the design file",
        ),
        ("from: '.'", ":3:8", "rows 'given': "),
        (
            "from: 'package:nosuch/x.csv'",
            ":3:8",
            "rows 'given': the package nosuch is not installed: pip install nosuch",
        ),
        ("", ":3:8", "rows 'given' come with the call: "),
    ],
)
def test_rows_that_are_not_there_are_an_error_with_its_place(tmp_path, source, place, reason):
    path = tmp_path / "rows.yaml"
    path.write_text(ROWS % source)
    done = typed("run", path)
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.startswith(f"workbench: {path}{place}: {reason.format(folder=tmp_path)}")


# check, schema, new, help


def test_check_says_what_a_design_has(small):
    done = typed("check", small)
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout == f"{small}: Design small: 1 table, 1 entity, 4 access patterns: no errors\n"


def test_check_lists_all_errors_at_once(small):
    small.write_text(SMALL.replace("given: [note]", "givn: [note]").replace("PK = :PK", "SK = :SK"))
    done = typed("check", small)
    assert done.exit_code == 1
    assert re.findall(r"small\.yaml:(\d+:\d+): ", done.stderr) == ["11:43", "18:33"]


def test_check_looks_at_every_file_and_shows_errors_under_its_name(small, tmp_path):
    bad, gone, good = tmp_path / "bad.yaml", tmp_path / "gone.yaml", tmp_path / "good.yaml"
    bad.write_text(SMALL.replace("given: [note]", "givn: [note]").replace("PK = :PK", "SK = :SK"))
    good.write_text(SMALL)
    done = typed("check", bad, gone, small, good)
    assert done.exit_code == 1
    assert [line.partition(": ")[0] for line in done.stdout.splitlines()] == [str(small), str(good)]
    *shown, last = done.stderr.splitlines()
    assert [line for line in shown if not line.startswith("  ")] == [f"{bad}:", f"{gone}:"]
    assert re.findall(r"^  .*(bad|gone)\.yaml:(\d+:\d+): ", done.stderr, re.MULTILINE) == [
        *(("bad", "11:43"), ("bad", "18:33"), ("gone", "1:1"))
    ]
    assert last == "workbench: 2 of 4 designs have errors"


def test_check_of_several_files_without_errors_passes(small, designs):
    done = typed("check", small, *sorted(designs.glob("*.yaml")))
    assert (done.exit_code, done.stderr) == (0, "")
    assert len(done.stdout.splitlines()) == 1 + len([*designs.glob("*.yaml")])


def test_schema_is_the_json_schema_of_designs():
    done = typed("schema")
    assert done.exit_code == 0
    assert json.loads(done.stdout) == json.loads(json.dumps(json_schema()))


@pytest.mark.parametrize(
    ("name", "stated"),
    [
        ("shop", "shop"),
        ("my shop", "my shop"),
        ("2024", "2024"),
        ("true", "true"),
        ("a 'b' #1", "a 'b' #1"),
        ("x.yaml", "x"),
    ],
)
def test_new_writes_a_design_without_errors_under_any_name(tmp_path, monkeypatch, name, stated):
    monkeypatch.chdir(tmp_path)
    done = typed("new", name)
    assert (done.exit_code, done.stderr) == (0, "")
    path = tmp_path / f"{stated}.yaml"
    assert load_design(path).name == stated
    assert done.stdout.startswith(f"{path.name} written; try it: workbench run ")


def test_a_new_design_runs_as_it_is(engine, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert typed("new", "my-shop").stdout == "my-shop.yaml written; try it: workbench run my-shop.yaml\n"
    done = typed("run", "my-shop.yaml", "--engine", engine.endpoint_url, "--calls", "5", "--sample", "500")
    assert (done.exit_code, done.stderr) == (0, "")
    assert "# A design of your own. It runs as it is: workbench run my-shop.yaml" in Path("my-shop.yaml").read_text()


def test_new_never_overwrites(tmp_path, monkeypatch, small):
    monkeypatch.chdir(tmp_path)
    done = typed("new", "small")
    assert done.exit_code == 1
    assert done.stderr == "workbench: small.yaml exists already and is left as it is; choose another name\n"
    assert small.read_text() == SMALL


@pytest.mark.parametrize(
    "words",
    [
        ("run", TASK_BOARD, "--output"),
        ("review", TASK_BOARD, "--output"),
        ("review", TASK_BOARD, "--write-baseline"),
        ("brief", TASK_BOARD, "--output"),
        ("patterns", TASK_BOARD, "--output"),
        ("scoreboard", ".", "--png"),
    ],
)
def test_a_file_that_cannot_be_written_is_named_with_its_option_before_any_work(words):
    done = typed(*words, Path("nowhere", "it"))
    assert done.exit_code == 1
    assert done.output.startswith(f"workbench: {words[-1]} {Path('nowhere', 'it')}: no such file or directory; name a")
    assert done.output.count("\n") == 1


def test_new_in_a_folder_that_does_not_exist(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = typed("new", "nowhere/shop")
    assert done.exit_code == 1
    path = Path("nowhere", "shop.yaml")
    assert done.stderr == f"workbench: {path} cannot be written: No such file or directory\n"


WRONG = [["run"], ["run", "a", "b"], ["run", "a", "--calls", "0"], ["run", "a", "--seed", "x"], ["nothing"], ["new"]]


@pytest.mark.parametrize("words", WRONG, ids=" ".join)
def test_wrong_usage_is_2(words):
    done = typed(*words)
    assert (done.exit_code, done.stdout) == (2, "")
    assert "Usage: workbench" in done.stderr


@pytest.mark.parametrize(
    "words", [["--help"], *([name, "--help"] for name in ("run", "check", "schema", "new", "demo"))]
)
def test_help_is_0(words):
    done = typed(*words)
    assert (done.exit_code, done.stderr) == (0, "")
    assert "Usage: workbench" in done.stdout


def test_without_words_the_help_is_shown():
    assert "Usage: workbench [OPTIONS] COMMAND" in typed().output


# As a process of its own


HELP = """
import sys
from workbench.__main__ import main
try:
    main(["--help"])
finally:
    print([name for name in ("pandas", "matplotlib", "numpy", "boto3") if name in sys.modules], file=sys.stderr)
"""


def test_help_imports_nothing_heavy():
    done = subprocess.run([sys.executable, "-c", HELP], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0
    assert done.stderr == "[]\n"


def test_the_users_surroundings_do_not_matter(small, tmp_path):
    """A profile that does not exist, proxies that do not answer, a redirection (AWS: cli-configure-envvars)."""
    config = tmp_path / ".aws" / "config"
    config.parent.mkdir()
    config.write_text("[default]\nendpoint_url = http://127.0.0.1:9\nsso_session = gone\n")
    proxy = "http://127.0.0.1:9"
    hostile = {
        "AWS_PROFILE": "nobody",
        "HOME": str(tmp_path),
        "AWS_ENDPOINT_URL": proxy,
        "AWS_REGION": "xx-nowhere-1",
        **dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "ALL_PROXY"), proxy),
    }
    done = subprocess.run(
        [*WORKBENCH, "run", str(small), "--calls", "2", "--engine", "embedded"],
        env={**os.environ, **hostile}, capture_output=True, text=True, timeout=100,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert "note: all 30 items loaded" in done.stdout
    assert done.stdout.startswith("embedded engine (ministack ")
    assert port_is_free(done.stdout)


def port_is_free(said: str) -> bool:
    found = re.search(r"http://127\.0\.0\.1:(\d+)", said)
    assert found
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", int(found[1]))) != 0


LONG = SMALL.replace("user: {count: 10}", "user: {count: 40_000}")
HANDED = """
import signal, sys
from workbench import runs
from workbench.__main__ import main
runs.call_record = lambda *_: signal.raise_signal(signal.SIGINT)
main(sys.argv[1:])
"""


def await_items(said: str) -> None:
    """Wait until items are being loaded into the engine that a run says it has started."""
    url = re.search(r"http://127\.0\.0\.1:\d+", said)
    assert url
    end = time.monotonic() + 60
    with start_engine(url[0]) as seen:
        while time.monotonic() < end:
            with suppress(RequestError):  # no table yet
                if seen.call("DescribeTable", {"TableName": "Notes"})["Table"]["ItemCount"]:
                    return
            time.sleep(0.05)


@posix
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_load_stops_the_engine(tmp_path, number):
    """Ctrl-C is exit code 130, 128 and the signal's number, and so it is for termination."""
    path = tmp_path / "long.yaml"
    path.write_text(LONG)
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(
        [*WORKBENCH, "run", str(path), "--sample", "120_000", "--engine", "embedded"], **pipes
    ) as command:
        assert command.stdout and command.stderr
        first = command.stdout.readline()
        await_items(first)
        command.send_signal(number)
        said = command.stderr.read()
    assert command.returncode == 128 + number
    if number == signal.SIGINT:
        assert re.search(r"\ninterrupted: [\d,]+ of 120,000 items are loaded\n", said), "its engine is gone"
    assert "Traceback" not in said
    assert port_is_free(first)


@posix
def test_interrupted_calls_stop_the_engine_too(small):
    done = subprocess.run(
        [sys.executable, "-c", HANDED, "run", str(small), "--engine", "embedded"],
        capture_output=True, text=True, timeout=100,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (130, "\ninterrupted\n")
    assert port_is_free(done.stdout)


# Keys and partitions


def test_keys_name_the_key_that_sets_the_highest_rate():
    done = typed("keys", TASK_BOARD)
    assert done.exit_code == 0
    assert "WEBHOOK#stripe is asked for 1,262 WU/s, and one partition serves 1,000" in done.output
    assert "3 shards of WEBHOOK#stripe would hold it" in done.output
    assert re.search(r"^ClaudeCodeLabDemo +9,944 +WEBHOOK#stripe +62 % +2,036 +1,616 ", done.output, re.MULTILINE)
    assert "times this load of 866 requests/s" in typed("keys", TASK_BOARD, "--rate").output


def test_keys_of_a_design_without_rates_say_so(small):
    done = typed("keys", small)
    assert done.exit_code == 0
    assert "Notes: no access pattern with a rate comes here." in done.output


def test_simulate_says_what_is_throttled_when_and_by_which_key(tmp_path):
    picture = tmp_path / "heat.png"
    done = typed("simulate", TASK_BOARD, "--duration", "6min", "--load", "step", "--png", picture)
    assert done.exit_code == 0
    assert re.match(r"task-board: 6 min of step load: [0-9.]+ % throttled, first after 60 s\n", done.output)
    assert "Rising key WEBHOOK#stripe: it is asked for up to 1,262 WU/s, and one partition serves 1,000." in done.output
    assert re.search(
        r"^record-webhook +[0-9]+ % +[0-9]+ % TableWriteKeyRangeThroughputExceeded", done.output, re.MULTILINE
    )
    assert re.search(r"^ClaudeCodeLabDemo +4 +4", done.output, re.MULTILINE)
    assert "measured, not documented by AWS:" in done.output
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--load", "sometimes"], "load 'sometimes'"),
        (["--duration", "0"], "duration '0' is not a time"),
        (["--duration", "-5min"], "is not a time"),
        (["--table", "Bord"], "has no table 'Bord'; its tables are ClaudeCodeLabDemo"),
        (["--start", "hot"], "start='hot'"),
        (["--load", "between"], "load 'between': there are constant, diurnal, ramp, step, spike;"),
        (["--png", "nowhere/heat.png"], f"--png {Path('nowhere', 'heat.png')}: no such file or directory; name a file"),
        (["--png", "."], "--png .: is a directory; name a file in a folder that is there"),
    ],
)
def test_what_cannot_be_simulated_is_an_error_of_one_line(words, message):
    done = typed("simulate", TASK_BOARD, *words)
    assert done.exit_code == 1
    assert message in done.output
    assert done.output.count("\n") == 1
