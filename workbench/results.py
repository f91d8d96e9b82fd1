"""What every result has: a frozen record, a one-line repr, a small escaped table for notebooks, and a tidy frame.

A result is a plain record that other functions read. In a notebook it shows itself as a table in the notebook's own
colours, light or dark; `to_frame()` gives the same as a DataFrame with units in the column names.
"""

from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

SHOWN_ROWS = 40
_STYLE = (
    "border-collapse:collapse;color:var(--jp-ui-font-color1,inherit);background:var(--jp-layout-color1,transparent);"
    "font-variant-numeric:tabular-nums"
)


class Result:
    """Mixed into frozen dataclasses that have `to_frame()` and `summary_line()`."""

    def to_frame(self) -> "pd.DataFrame":
        raise NotImplementedError

    def summary_line(self) -> str:
        """The result in one line."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.summary_line()}>"

    def _repr_html_(self) -> str:
        return html_table(self.to_frame(), self.summary_line())


def html_table(frame: "pd.DataFrame", caption: str) -> str:
    """An escaped HTML table of the first 40 rows, without fixed colours."""
    head = "".join(f"<th style='text-align:left;padding:2px 10px'>{escape(str(c))}</th>" for c in frame.columns)
    rows = "".join(f"<tr>{_cells(row)}</tr>" for row in frame.head(SHOWN_ROWS).itertuples(index=False))
    more = f"<caption style='caption-side:bottom'>{len(frame) - SHOWN_ROWS} more rows</caption>"
    return (
        f"<div><b>{escape(caption)}</b><table style='{_STYLE}'>{more if len(frame) > SHOWN_ROWS else ''}"
        f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _cells(row: tuple[Any, ...]) -> str:
    return "".join(f"<td style='{_style(v)};padding:2px 10px'>{escape(number(v))}</td>" for v in row)


def _style(value: object) -> str:
    """Numbers to the right; names, but not sentences, on one line."""
    align = "right" if isinstance(value, int | float) and not isinstance(value, bool) else "left"
    return f"text-align:{align}" + (";white-space:nowrap" if len(str(value)) <= 40 else "")


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
