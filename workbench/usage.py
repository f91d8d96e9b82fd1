"""Usage: what of a month a design cannot say, as it is written on a command line.

Backups that are kept, exports, restores, reads of streams by the table, `Orders.backups=7`; the load of a day as
numbers at even distances, `1,1,2,4`.
"""

from collections.abc import Mapping, Sequence

from workbench.design import Design

# What only the operator knows: how often a month each whole table is backed up, restored or exported; stream reads.
EXTRAS = {
    "backups": ("backups", "backup_gb"),
    "restores": ("restores", "restored_gb"),
    "exports": ("exports", "exported_gb"),
    "stream_reads": ("stream reads", "stream_reads"),
    "kinesis_units": ("change data to Kinesis", "kinesis_units"),
}


def read_usage(texts: Sequence[str]) -> dict[str, dict[str, float]]:
    """Amounts by table and name. ValueError for a text of another form, and for one that comes twice.

    >>> read_usage(["Orders.backups=7", "Orders.exports=1"])
    {'Orders': {'backups': 7.0, 'exports': 1.0}}
    """
    found: dict[str, dict[str, float]] = {}
    for text in texts:
        place, equals, amount = text.partition("=")
        table, dot, name = place.strip().rpartition(".")
        if not (equals and dot and table and name):
            raise ValueError(f"--usage {text}: write TABLE.NAME=NUMBER, as Orders.backups=7")
        if name in found.setdefault(table, {}):
            raise ValueError(f"--usage {text}: {name} of {table} is stated twice")
        (found[table][name],) = read_numbers(amount, f"--usage {place}=")
    return found


def read_numbers(text: str, where: str) -> list[float]:
    """Numbers between commas. ValueError names `where` and what is none.

    >>> read_numbers("1, 2,4", "--curve ")
    [1.0, 2.0, 4.0]
    """
    found = []
    for part in text.split(","):
        try:
            found.append(float(part.replace("_", "")))
        except ValueError:
            raise ValueError(f"{where}{text}: {part.strip()!r} is no number") from None
    return found


def check_usage(design: Design, usage: Mapping[str, Mapping[str, float]]) -> None:
    """ValueError for a table that the design has not, an amount that is unknown, or one below 0."""
    for table, amounts in usage.items():
        if table not in design.tables:
            raise ValueError(f"usage: {design.name} has no table {table!r}; its tables are {', '.join(design.tables)}")
        for name, amount in amounts.items():
            if name not in EXTRAS:
                raise ValueError(f"usage of {table}: {name!r} is unknown; there are {', '.join(EXTRAS)}")
            if not 0 <= amount < float("inf"):
                raise ValueError(f"usage of {table}: {name} is {amount}; a number from 0")
