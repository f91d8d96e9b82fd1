"""What every result has: a frozen record, a one-line repr, a small escaped table for notebooks, and a tidy frame.

A result is a plain record that other functions read. In a notebook it shows itself as a table in the notebook's own
colours, light or dark: what matters first, headings in words, at most 50 KB. `to_frame()` gives all of it as a
DataFrame with units in the column names.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    Table = pd.DataFrame | Mapping[str, Sequence[Any]]

SHOWN_ROWS = (40, 20, 10, 5)  # of a table: the first of these with which all of it stays below the size
SHOWN_BYTES = 50_000
SHOWN_CHARACTERS, SHOWN_SENTENCE = 300, 1000  # of a cell, of a note
_TABLE = (
    "border-collapse:collapse;color:var(--jp-ui-font-color1,inherit);background:var(--jp-layout-color1,transparent);"
    "font-variant-numeric:tabular-nums"
)
_FIGURES = "text-align:right;white-space:nowrap;padding:2px 7px"
_TEXT = "text-align:left;padding:2px 7px"
_NAME = f"{_TEXT};white-space:nowrap"
_NOTES = "margin:4px 0;padding-left:1.4em;color:var(--jp-ui-font-color1,inherit)"
_FIGURE = re.compile(r"[-+±]?\$?[\d,]*\.?\d+(e[-+]?\d+)?( ?%| [RW]U)?")
NO_MATH = "mathjax_ignore tex2jax_ignore"  # else Lab sets what stands between two dollar signs as a formula
NO_FIGURE = ("", "never", "none")  # what may stand in a column of figures
_FIGURE_SPACE, _POINT_SPACE = "\u2007", "\u2008"  # as wide as a digit, as a point


class Result:
    """Mixed into frozen dataclasses that have `to_frame()` and `summary_line()`."""

    def to_frame(self) -> "pd.DataFrame":
        raise NotImplementedError

    def summary_line(self) -> str:
        """The result in one line."""
        raise NotImplementedError

    def shown(self) -> "Table":
        """What people see, by heading: what matters, in words; `to_frame()` has everything."""
        return in_words(self.to_frame())

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {one_line(self.summary_line())}>"

    def _repr_html_(self) -> str:
        return fitting(self._html)

    def _html(self, rows: int) -> str:
        """It with at most so many rows of each table."""
        return html_table(self.shown(), self.summary_line(), rows)


@dataclass(frozen=True, repr=False)
class Captioned(Result):
    """A DataFrame with a caption."""

    frame: "pd.DataFrame" = field(repr=False)
    caption: str

    def to_frame(self) -> "pd.DataFrame":
        return self.frame

    def summary_line(self) -> str:
        return self.caption


def captioned(frame: "pd.DataFrame", caption: str) -> Captioned:
    """A DataFrame as a notebook shows results: a caption, headings in words, figures in line; no index.

    >>> import pandas as pd
    >>> captioned(pd.DataFrame({"read_units": [0.5]}), "One GetItem")
    <Captioned One GetItem>
    """
    return Captioned(frame, caption)


def one_line(text: str) -> str:
    """The text without line breaks."""
    return " ".join(text.split())


def in_words(frame: "pd.DataFrame") -> "pd.DataFrame":
    """A frame as people read it: headings in words, shares in percent, dollars with their cents."""
    written = {str(name): write for name in frame.columns if (write := _writer(str(name)))}
    return frame.assign(**{name: list(map(write, frame[name])) for name, write in written.items()}).rename(
        columns=heading
    )


def _writer(name: str) -> Callable[[float], str] | None:
    if name.startswith("share_of"):
        return percent
    return (lambda amount: usd(amount).replace("$", "")) if "usd" in name.split("_") else None


def usd(amount: float) -> str:
    """An amount as people read it: cents, or as many digits as a smaller one needs.

    >>> usd(1234.5), usd(0.0042), usd(0), usd(-3)
    ('$1,234.50', '$0.0042', '$0.00', '-$3.00')
    """
    small = 1e-4 <= abs(amount) < 0.01
    return f"{'-' * (amount < 0)}${abs(amount) + 1e-9:{'.2g' if small else ',.2f'}}"  # half a cent goes up


def percent(share: float) -> str:
    """A share as people read it.

    >>> percent(0.1742), percent(0.00274), percent(0.00004), percent(1.0)
    ('17 %', '0.27 %', '0.004 %', '100 %')
    """
    return f"{100 * share:.0f} %" if share >= 0.1 or share == 0 else f"{100 * share:.2g} %"


def article(name: str) -> str:
    """A name with a or an before it, as it is spoken.

    >>> article("Order"), article("Room"), article("User"), article("unit"), article("umbrella")
    ('an Order', 'a Room', 'a User', 'a unit', 'an umbrella')
    """
    return f"{'an' if re.match(r'(?i)[aeio]|u(?!se|ni|ti)', name) and not re.match('(?i)one|eu', name) else 'a'} {name}"


def heading(name: str) -> str:
    """A column's name in words, its unit as people write it.

    >>> heading("peak_per_s"), heading("usd_per_month"), heading("read_units_per_call"), heading("stored_gb")
    ('peak/s', 'USD/month', 'read units/call', 'stored GB')
    """
    words = str(name).replace("_per_", "/").replace("_", " ")
    return re.sub(r"\b(usd|gb|[rw]u)\b", lambda found: found[0].upper(), words)


def fitting(shown: Callable[[int], str]) -> str:
    """The HTML with as many rows of each table as keep it below 50 KB."""
    page = ""
    for rows in SHOWN_ROWS:
        page = shown(rows)
        if len(page.encode()) < SHOWN_BYTES:
            break
    return f"<div class='{NO_MATH}'>{page}</div>"


def html_table(table: "Table", caption: str, rows: int = SHOWN_ROWS[0], count: int | None = None) -> str:
    """An escaped HTML table of the first rows, without fixed colours; figures stand with their points in line.

    `count` is how many rows there are, where the table has only the first of them.
    """
    columns = [(str(name), _Column(cells[:rows])) for name, cells in ((n, list(c)) for n, c in table.items())]
    count = max((len(cells) for _, cells in table.items()), default=0) if count is None else count
    left = f"<div>… {count - rows:,} more</div>" if count > rows else ""
    head = "".join(f"<th style='{column.head}'>{escape(name)}</th>" for name, column in columns)
    lines = zip(*(column.cells for _, column in columns), strict=True)
    body = "".join(f"<tr>{''.join(line)}</tr>" for line in lines)
    drawn = f"<table style='{_TABLE}'><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>" if body else ""
    return f"<div><b>{escape(one_line(caption))}</b>{drawn}{left}</div>"


def html_notes(notes: Iterable[str], rows: int = SHOWN_ROWS[0], folded: str = "") -> str:
    """Escaped lines of text below a table; `folded` is what stands in their place until they are asked for."""
    every = list(notes)
    lines = "".join(f"<li>{escape(cut(note, SHOWN_SENTENCE))}</li>" for note in every[:rows])
    more = f"<li>{len(every) - rows:,} more</li>" if len(every) > rows else ""
    listed = f"<ul style='{_NOTES}'>{lines}{more}</ul>" if every else ""
    return f"<details><summary>{escape(folded)}</summary>{listed}</details>" if folded and every else listed


class _Column:
    """The cells of a column as HTML: figures to the right with their points in line, names on one line."""

    def __init__(self, values: list[Any]):
        texts = [cut(text(value)) for value in values]
        told = [one for one in texts if one not in NO_FIGURE]
        self.is_figures = bool(told) and all(map(_FIGURE.fullmatch, told))
        self.head = "text-align:right;padding:2px 7px" if self.is_figures else _TEXT
        has_unit = any(not one[-1].isdigit() for one in told)
        aligned = on_the_point(texts) if self.is_figures and not has_unit else texts
        self.cells = [f"<td style='{self._style(one)}'>{escape(one)}</td>" for one in aligned]

    def _style(self, content: str) -> str:
        """Figures and names stay on one line, words may be wrapped."""
        if self.is_figures:
            return _FIGURES
        return _NAME if len(content) <= (14 if " " in content else 40) else _TEXT


def on_the_point(texts: Sequence[str]) -> list[str]:
    """Figures with space behind them, so that their points stand below each other when they end at the right.

    >>> [one.replace("\u2007", "_").replace("\u2008", "|") for one in on_the_point(["1,276.5", "0.25", "3", ""])]
    ['1,276.5_', '0.25', '3|__', '']
    """
    tails = [len(one.partition(".")[2]) for one in texts]
    most = max(tails, default=0)
    missing = [_POINT_SPACE * (not tail and most > 0) + _FIGURE_SPACE * (most - tail) for tail in tails]
    return [one and one + space for one, space in zip(texts, missing, strict=True)]


def text(value: Any) -> str:
    """A value of a table as people read it."""
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {text(one)}" for name, one in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(text, value))
    return {True: "yes", False: "no"}[bool(value)] if _is_bool(value) else number(value)


def _is_bool(value: Any) -> bool:
    return isinstance(value, bool) or type(value).__name__ == "bool"  # numpy's


def cut(words: str, most: int = SHOWN_CHARACTERS) -> str:
    """The text, or its beginning if it is longer than anyone reads in a table."""
    return words if len(words) <= most else f"{words[: most - 1]}…"


def number(value: Any) -> str:
    """A value as people read it: thousands separated, at most three significant decimals, nothing for NaN.

    >>> number(13056.5), number(0.123456), number(float("nan")), number(3.0)
    ('13,056.5', '0.123', '', '3')
    """
    if isinstance(value, bool) or value is None or not hasattr(value, "__float__") or isinstance(value, str):
        return "" if value is None else str(value)
    if value != value:
        return ""
    if abs(value) >= 1000 or float(value).is_integer():
        return f"{value:,.1f}".removesuffix(".0")
    return f"{value:.3g}"
