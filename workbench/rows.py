"""Items from data instead of generated ones: rows of a CSV, Parquet, JSON Lines or DynamoDB JSON file, or a DataFrame.

Each column of the data becomes a field. Its distinct values stand once, in order; empty cells are absent attributes,
since DynamoDB has no empty numbers. A file inside an installed package (`package:<dist>/<file>`) is read, never
imported.
"""

from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.columns import Column, Pooled
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
    if stated and stated.columns:
        missing = [c for c in stated.columns if c not in data.columns]
        if missing:
            _refuse(design, name, f"rows {name!r} have no column {missing[0]!r}; there are {', '.join(map(str, data))}")
        data = data[list(stated.columns)]
    if not len(data):
        _refuse(design, name, f"rows {name!r} are empty")
    return {str(column): _column(data[column]) for column in data.columns}


def _refuse(design: "Design", name: str, message: str) -> None:
    raise DesignError([Problem(design.path or design.name, 1, 1, message)])


def _read(design: "Design", name: str, source: str) -> "pd.DataFrame":
    import pandas as pd

    try:
        path = locate(source, Path(design.path).parent if design.path else Path())
        suffixes = [s for s in path.suffixes if s not in (".zip", ".gz")]
        read = _READERS.get(suffixes[-1] if suffixes else "")
        if read is None:
            raise ValueError(f"{path.name}: rows are read from {', '.join(_READERS)}, also .gz or .zip")
        return read(path)
    except (OSError, ValueError, metadata.PackageNotFoundError, pd.errors.ParserError) as error:
        _refuse(design, name, f"rows {name!r}: {_reason(error, source)}")
        raise


def _reason(error: Exception, source: str) -> str:
    if isinstance(error, metadata.PackageNotFoundError):
        package = source.removeprefix("package:").partition("/")[0]
        return f"the package {package} is not installed: pip install {package}"
    if isinstance(error, FileNotFoundError):
        return f"{error.filename or source} does not exist; paths count from the design file"
    return str(error)


def locate(source: str, folder: Path) -> Path:
    """Where the data stands: `package:<dist>/<file>` in an installed package, or a path from `folder`."""
    if not source.startswith("package:"):
        return folder / source
    dist, _, inner = source.removeprefix("package:").partition("/")
    # A distribution and its import folder may differ in name: the file is looked up in the distribution's list.
    wanted = [f for f in metadata.files(dist) or () if str(f) == f"{dist}/{inner}" or str(f).endswith(f"/{inner}")]
    if not wanted:
        raise FileNotFoundError(2, "no such file in the package", f"{dist}/{inner}")
    return Path(str(wanted[0].locate()))


def _read_json_lines(path: Path) -> "pd.DataFrame":
    """JSON Lines; `{"Item": {...}}` as in exports to S3, and DynamoDB JSON, are unwrapped."""
    import gzip
    import json

    import pandas as pd

    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8") as lines:
        found = [json.loads(line) for line in lines if line.strip()]
    return pd.DataFrame([_untyped(line.get("Item", line)) for line in found])


def _untyped(item: dict[str, Any]) -> dict[str, Any]:
    if all(isinstance(value, dict) and len(value) == 1 for value in item.values()):
        from boto3.dynamodb.types import TypeDeserializer

        read = TypeDeserializer().deserialize
        return {name: read(value) for name, value in item.items()}
    return item


def _read_csv(path: Path) -> "pd.DataFrame":
    import pandas as pd

    return pd.read_csv(path, low_memory=False)


def _read_parquet(path: Path) -> "pd.DataFrame":
    import pandas as pd

    try:
        return pd.read_parquet(path)
    except ImportError:
        raise ValueError("Parquet needs a reader: pip install pyarrow") from None


_READERS = {".csv": _read_csv, ".jsonl": _read_json_lines, ".json": _read_json_lines, ".parquet": _read_parquet}


def _column(series: "pd.Series") -> Column:
    """A column of the distinct values in order, absent where the cell is empty."""
    import pandas as pd

    if len(series) and isinstance(series.iloc[0], list | dict | set):
        return Pooled(series.notna().to_numpy(), series.tolist(), np.arange(len(series)))
    picks, pool = pd.factorize(series, sort=True)
    present = None if (picks >= 0).all() else picks >= 0
    return Pooled(present, [_native(value) for value in pool], np.maximum(picks, 0).astype(np.int64))


def _native(value: Any) -> Any:
    """A Python value that DynamoDB has: int, Decimal, str, bytes or bool."""
    from decimal import Decimal

    value = value.item() if hasattr(value, "item") else value
    if isinstance(value, float):
        return int(value) if value.is_integer() else Decimal(repr(value))
    return value if isinstance(value, int | str | bytes | bool | Decimal) else str(value)
