"""Prices: what DynamoDB asks for each line of a bill, on which day, in which region, according to whom.

On demand, every read and write request unit has a price; provisioned, every unit has one for each hour that it is
kept, used or not. Storage, backups and stream reads come on top. Prices stand in `prices.toml`, dated and with their
source; a file of the same keys replaces them, for another region or a private agreement. Sources: AWS Price List API,
https://aws.amazon.com/dynamodb/pricing/, bp-understanding-billing, reserved-capacity.

>>> prices = load_prices()
>>> prices.usd("write_requests", 1_000_000), prices.usd("write_unit_hours", 20 * HOURS)
(0.625, 9.49)
>>> f"{breakeven(prices['STANDARD.write_unit_hour'], prices['STANDARD.write_requests_million']):.1%}"
'28.9%'
"""

import datetime
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from workbench.results import Result

if TYPE_CHECKING:
    import pandas as pd

TableClass = Literal["STANDARD", "STANDARD_INFREQUENT_ACCESS"]
FILE = Path(__file__).with_name("prices.toml")
HOURS = 730  # of a month, as AWS's calculators count
OLD_DAYS = 180
AHEAD_DAYS = 366
CURRENCY = "USD"
MOST_RESERVED = 1_000_000  # units of a reservation; reserved-capacity
MILLION = 1_000_000
CLASSES: tuple[TableClass, TableClass] = ("STANDARD", "STANDARD_INFREQUENT_ACCESS")

# What is bought: the price that it has, and how many of it that price is for.
BY_CLASS = {
    "read_requests": ("read_requests_million", MILLION),
    "write_requests": ("write_requests_million", MILLION),
    "replicated_write_requests": ("replicated_write_requests_million", MILLION),
    "read_unit_hours": ("read_unit_hour", 1),
    "write_unit_hours": ("write_unit_hour", 1),
    "replicated_write_unit_hours": ("replicated_write_unit_hour", 1),
    "storage_gb": ("storage_gb_month", 1),
}
IN_ANY_CLASS = {
    "pitr_gb": ("pitr_gb_month", 1),
    "backup_gb": ("backup_gb_month", 1),
    "restored_gb": ("restored_gb", 1),
    "exported_gb": ("exported_gb", 1),
    "imported_gb": ("imported_gb", 1),
    "stream_reads": ("stream_reads_million", MILLION),
    "kinesis_units": ("kinesis_units_million", MILLION),
}
FREE = ("read_unit_hours", "write_unit_hours", "storage_gb", "stream_reads")
RESERVED = ("one_year", "three_years", "block_units")
_SECTIONS: dict[str, tuple[str, ...]] = {
    **{table_class: tuple(name for name, _ in BY_CLASS.values()) for table_class in CLASSES},
    "any": tuple(name for name, _ in IN_ANY_CLASS.values()),
    "free_tier": FREE,
    "reserved": RESERVED,
}
_SHARES = ("reserved.one_year", "reserved.three_years")
_HEAD = ("region", "currency", "date", "source")


@dataclass(frozen=True, repr=False)
class Prices(Result):
    """A price list: `prices["STANDARD.storage_gb_month"]`; each price in US dollars for what its name says."""

    region: str
    date: datetime.date
    source: str
    values: Mapping[str, float]
    inferred: frozenset[str] = frozenset()
    file: str = ""

    def __getitem__(self, name: str) -> float:
        return self.values[name]

    def price(self, what: str) -> float:
        """US dollars for one of `what` in the Standard class: a request unit, a unit for an hour, a GB."""
        name, per = self._named(what, "STANDARD")
        return self.values[name] / per

    def usd(
        self, what: str, quantity: float, table_class: TableClass = "STANDARD", *, free_tier: bool = False
    ) -> float:
        """US dollars for so much of `what` in a month, as `usd("storage_gb", 230)`.

        With `free_tier`, what an account gets for nothing each month is taken off first: for all its tables in the
        region together, and of the Standard class only. ValueError names what can be bought.
        """
        name, per = self._named(what, table_class)
        free = self.values.get(f"free_tier.{what}", 0.0) if free_tier and table_class == "STANDARD" else 0.0
        return max(quantity - free, 0.0) * self.values[name] / per

    def is_inferred(self, what: str, table_class: TableClass = "STANDARD") -> bool:
        """Whether that price does not stand in the source of the others."""
        return self._named(what, table_class)[0] in self.inferred

    def _named(self, what: str, table_class: str) -> tuple[str, int]:
        if what in IN_ANY_CLASS:
            return f"any.{IN_ANY_CLASS[what][0]}", IN_ANY_CLASS[what][1]
        if what not in BY_CLASS:
            raise ValueError(f"{what!r} has no price; there are {', '.join([*BY_CLASS, *IN_ANY_CLASS])}")
        if table_class not in CLASSES:
            raise ValueError(f"table class {table_class!r}: either {' or '.join(CLASSES)}")
        return f"{table_class}.{BY_CLASS[what][0]}", BY_CLASS[what][1]

    def age_days(self, now: int) -> int:
        """Days from the date of the prices to `now`, in epoch seconds; negative if they are of a later day."""
        return (datetime.datetime.fromtimestamp(now, datetime.UTC).date() - self.date).days

    def age_warning(self, now: int) -> str:
        """What to say if the prices are older than 180 days at `now`, or of a day far to come; else nothing."""
        age = self.age_days(now)
        if age < -AHEAD_DAYS:  # simulated clocks lag behind, by less
            return f"prices of {self.date} are of a day to come: check the date in {self.file or 'the prices'}"
        if age <= OLD_DAYS:
            return ""
        where = self.file or "prices.toml"
        return f"prices of {self.date} are {age} days old (more than {OLD_DAYS}): check {where} against its source"

    @property
    def free(self) -> list[str]:
        """The prices that are 0: right for what an agreement gives for nothing, else an oversight."""
        sections = (*CLASSES, "any")
        return [name for name, value in self.values.items() if not value and name.partition(".")[0] in sections]

    def warning(self, now: int | None = None) -> str:
        """What to say of lines that cost nothing and, at `now`, of their age; else nothing."""
        free = f"these cost nothing: {', '.join(self.free)}" if self.free else ""
        return "; ".join(filter(None, [self.age_warning(now) if now is not None else "", free]))

    def summary_line(self) -> str:
        return f"{self.region}, {self.date}, {self.source}"

    def shown(self) -> dict[str, list[Any]]:
        """What people see: `to_frame()`, with what is a price and what an amount."""
        amounts = [name.partition(".")[0] in ("free_tier", "reserved") for name in self.values]
        return {
            "price": list(self.values),
            "USD": [None if amount else value for amount, value in zip(amounts, self.values.values(), strict=True)],
            "amount": [value if amount else None for amount, value in zip(amounts, self.values.values(), strict=True)],
            "": ["inferred" if name in self.inferred else "" for name in self.values],
        }

    def to_frame(self) -> "pd.DataFrame":
        """A line per price: name, value in US dollars (of `free_tier` and `reserved` an amount), whether inferred."""
        import pandas as pd

        return pd.DataFrame(
            {"price": name, "value": value, "inferred": name in self.inferred} for name, value in self.values.items()
        )


def load_prices(source: "str | Path | Mapping[str, Any] | Prices | None" = None) -> Prices:
    """The prices in a TOML file, or given as a mapping of the same shape; without either those of us-east-1.

    ValueError names every key that is missing, unknown, negative or no number, and a currency other than USD.
    """
    if isinstance(source, Prices):
        return source
    if isinstance(source, Mapping):
        return _checked(source, "prices")
    path = FILE if source is None else Path(source)
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{path}: not TOML: {error}") from None
    except UnicodeDecodeError:
        raise ValueError(f"{path}: not text in UTF-8") from None
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror or error}; a price file is a TOML file like {FILE}") from None
    found = _checked(data, str(path))
    return found if source is None else replace(found, file=str(path))


def _checked(data: Mapping[str, Any], where: str) -> Prices:
    problems = [*_head_problems(data), *_value_problems(data), *_inferred_problems(data)]
    if problems:
        raise ValueError("\n".join(f"{where}: {problem}" for problem in problems))
    values = {f"{section}.{name}": float(data[section][name]) for section, name in _keys()}
    return Prices(data["region"], data["date"], data["source"], values, frozenset(data.get("inferred", ())))


def _keys() -> Iterator[tuple[str, str]]:
    return ((section, name) for section, names in _SECTIONS.items() for name in names)


def _head_problems(data: Mapping[str, Any]) -> Iterator[str]:
    for name in _HEAD:
        if name not in data:
            yield f"{name} is missing: prices say their region, currency, date and source"
    for name in ("region", "source"):
        if name in data and not (isinstance(data[name], str) and data[name].strip()):
            yield f"{name}: {data[name]!r} is not a text"
    if "currency" in data and data["currency"] != CURRENCY:
        yield f"currency: {data['currency']!r} is not {CURRENCY}: every amount here is in US dollars"
    if "date" in data and type(data["date"]) is not datetime.date:
        yield f"date: {data['date']!r} is not a day: write 2026-09-11, without quotes"
    for name in data.keys() - {*_HEAD, *_SECTIONS, "inferred"}:
        yield f"{name} is unknown{_meant(name, (*_HEAD, *_SECTIONS, 'inferred'))}"


def _value_problems(data: Mapping[str, Any]) -> Iterator[str]:
    for section, names in _SECTIONS.items():
        found = data.get(section)
        if not isinstance(found, Mapping):
            yield f"{section} is missing: a section [{section}] with {', '.join(names)}"
            continue
        for name in names:
            if name not in found:
                yield f"{section}.{name} is missing"
            elif problem := _value_problem(f"{section}.{name}", found[name]):
                yield f"{section}.{name}: {problem}"
        for name in found.keys() - set(names):
            yield f"{section}.{name} is unknown{_meant(name, names)}"


def _value_problem(name: str, value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value or value == float("inf"):
        return f"{value!r} is not a number"
    if value < 0:
        return f"{value} is negative"
    if name in _SHARES and value >= 1:
        return f"{value} is no share: what a reservation takes off, as 0.54"
    if name == "reserved.block_units" and not 1 <= value <= MOST_RESERVED:
        return f"{value} is no number of units in a block: 1 to {MOST_RESERVED:,}"
    return ""


def _inferred_problems(data: Mapping[str, Any]) -> Iterator[str]:
    known = {f"{section}.{name}" for section, name in _keys()}
    named = data.get("inferred", ())
    if isinstance(named, str) or not isinstance(named, list | tuple):
        yield f"inferred: {named!r} is not a list of prices"
        return
    for name in named:
        if name not in known:
            yield f"inferred: {name!r} is no price{_meant(str(name), known)}"


def _meant(name: str, known: Any) -> str:
    near = get_close_matches(str(name), list(known), 1, 0.6)
    return f", did you mean {near[0]}?" if near else f"; there are {', '.join(sorted(known))}"


def breakeven(unit_hour: float, requests_million: float, *, discount: float = 0.0) -> float:
    """The utilisation of a provisioned unit at which it costs as much as its requests would on demand.

    Below it on demand is cheaper, above it provisioned. `discount` is the share that a reservation takes off.

    >>> round(breakeven(0.00013, 0.125), 4), round(breakeven(0.00065, 0.625, discount=0.77), 4)
    (0.2889, 0.0664)
    """
    return unit_hour * (1 - discount) * MILLION / (3600 * requests_million) if requests_million else float("inf")


def unit_hours(units: float, hours: float = HOURS) -> float:
    """Unit-hours of so many provisioned units: what a month is billed by.

    >>> unit_hours(25, 744)
    18600
    """
    return units * hours
