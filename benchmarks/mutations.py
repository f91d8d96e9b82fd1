"""Design files as an attacker, a tired user or a broken editor would leave them: the shipped ones, changed by a seed.

Seven kinds take turns: the structure of the data, the types of values, lines, features of YAML, Unicode, encodings and
sizes. The same seed and the same shipped files give the same bytes on every machine.
"""

import gzip
import json
import random
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from tests.designs import SHIPPED, as_yaml
from workbench.documents import read_document

WORDS: dict[str, list[str]] = json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))
Change = Callable[[str, random.Random], str | bytes]
FEWER = {"5_000": "30", "1_000": "30", "3_000": "30", "count: 200,": "count: 5,", "40..400": "2..5"}


@dataclass(frozen=True)
class Mutation:
    """A changed file: the seed and the kind that made it, and its bytes."""

    seed: int
    kind: str
    text: bytes


def mutation(seed: int) -> Mutation:
    """The mutation of a seed: of one of the shipped files, in one of the ways of KINDS."""
    rng, texts = random.Random(seed), shipped()
    kind = list(KINDS)[seed % len(KINDS)]
    text = KINDS[kind](rng.choice(texts), rng)
    return Mutation(seed, kind, text if isinstance(text, bytes) else text.encode(errors="surrogatepass"))


@cache
def shipped() -> Sequence[str]:
    """The designs that ship, those with many items with fewer."""
    texts = [path.read_text(encoding="utf-8") for path in sorted(SHIPPED.glob("*.yaml"))]
    for old, new in FEWER.items():
        texts = [text.replace(old, new) for text in texts]
    return texts


# Structure and types: the data of a file, written anew

JUNK: list[Any] = [
    *(None, True, 0, -1, 7, 10**30, Decimal("1.5"), "", "x", "OPEN", "{project_id}", "{", "{}", "{nope}", "all", "#"),
    *("latest", "zipf(1.1)", "text(5)", "uuid", "1..5", "5..1", "-30d..now", "PK", "Task", "\xe9\u2028\U0001f600"),
    *(
        "\0",
        "20/s",
        "lognormal(1..5)",
        "poisson(3)",
        "shard(3)",
        "shard(3 of user_id)",
        "epoch(createdAt + 1d)",
        "boolean",
    ),
    *("binary(5)", "SET #a = :b", "PK = :PK", "attribute_exists(PK)", "date(-5d..now)", [], [1], ["a", "b"], [None]),
    *([[1]], {}, {"a": None}, {"a": 1}, {"type": "uuid"}, {"count": 5}, {"per": "project_id", "count": 2}),
    *({"of": "user_id"}, {"value": None}, {"x-y": 1}, {"project_id": None}, {1: 2}, {None: 1}, {"read": 1, "write": 2}),
    *({"present": "50%"}, {"new": [1]}, {"choice": {"a": 1}}, {"choice": []}, {"set": "boolean"}, {"list": None}),
    *({"new": "{"}, {"map": {"a": {"list": {"set": [1, 2]}}}}, {"set": {"of": "user_id"}, "length": "0..3"}),
]


def steps(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The location of everything below the root."""
    members = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for step, below in members:
        yield (*path, step)
        yield from steps(below, (*path, step))


def at(node: Any, path: Sequence[Any]) -> Any:
    """What stands at a location."""
    for step in path:
        node = node[step]
    return node


def mutated(data: Any, rng: random.Random) -> Any:
    """The data with one value deleted, replaced, copied, renamed, wrapped, or taken from elsewhere."""
    data = deepcopy(data)
    places = list(steps(data))
    *above, last = rng.choice(places)
    parent, other = at(data, above), deepcopy(at(data, rng.choice(places)))
    value = parent.pop(last)
    rename = rng.choice(["type", "zz", "table", "é", "createdAt", "x-1", "a b", None, 5])
    changes = [
        list,
        *[lambda: [(last, deepcopy(rng.choice(JUNK)))]] * 3,
        lambda: [(last, value), (rename, deepcopy(value))],
        lambda: [(rename, value)],
        lambda: [(last, rng.choice([[value], {"x": value}]))],
        lambda: [(last, other)],
    ]
    for name, new in rng.choice(changes)():
        if isinstance(parent, dict):
            parent[name] = new
        else:
            parent.insert(last, new)
    return data


def of_structure(text: str, rng: random.Random) -> str:
    """One to three changes of the data."""
    data = read_document(text).data
    for _ in range(rng.choice([1, 1, 2, 3])):
        data = mutated(data, rng) or {"name": "nothing"}
    return as_yaml(data)


def of_types(text: str, rng: random.Random) -> str:
    """One to three values in their lines replaced by scalars of another type, out of range, or half written."""
    for _ in range(rng.choice([1, 1, 2, 3])):
        text = with_value(text, rng, lambda _: rng.choice(WORDS["scalars"]))
    return text


# Lines


def of_lines(text: str, rng: random.Random) -> str:
    """A line or a block moved, doubled, deleted, indented otherwise, cut, or joined with the next."""
    lines = text.splitlines()
    i, j = sorted(rng.randrange(len(lines)) for _ in "ab")
    changes: list[Callable[[], list[str]]] = [
        lambda: lines[:i] + lines[j:],
        lambda: lines[: j + 1] + lines[i:],
        lambda: lines[:i] + lines[j : j + 9] + lines[i:j] + lines[j + 9 :],
        lambda: [
            *lines[:i],
            rng.choice([" ", "   ", "\t", "- ", "? ", ": ", "#", "@", "`"]) + lines[i],
            *lines[i + 1 :],
        ],
        lambda: [*lines[:i], lines[i].lstrip(), *lines[i + 1 :]],
        lambda: [*lines[:i], lines[i][: rng.randrange(len(lines[i]) + 1)], *lines[i + 1 :]],
        lambda: [*lines[:i], "".join(lines[i : i + 2]), *lines[i + 2 :]],
        lambda: [
            *lines[:i],
            lines[i].replace(rng.choice(':{}"[],#'), rng.choice(["", ",", "{", '"', "]", " # "])),
            *lines[i + 1 :],
        ],
        lambda: rng.sample(lines, len(lines)),
    ]
    return "\n".join(rng.choice(changes)())


def with_value(text: str, rng: random.Random, change: Callable[[str], str]) -> str:
    """The text with the value of one `name: value`, in a line of its own or in braces, changed."""
    cut = rng.choice([i for i in range(len(text)) if text.startswith(": ", i)]) + 2
    end = min((found for c in ",}\n" if (found := text.find(c, cut)) > 0), default=len(text))
    return text[:cut] + change(text[cut:end]) + text[end:]


# Features of YAML

COMMAND = "touch ATTACKED"


def of_yaml(text: str, rng: random.Random) -> str:
    """Anchors, aliases, merged keys, tags, directives, documents, block scalars, complex keys."""
    return rng.choice([_tagged, _tagged, _aliased, _aliased, _headed, _with_member, _with_member, _restyled])(text, rng)


def _tagged(text: str, rng: random.Random) -> str:
    arguments = rng.choice(["", f" [{COMMAND}]", f' ["{COMMAND}"]', f" {{args: [{COMMAND}]}}", f" '{COMMAND}'"])
    return with_value(text, rng, lambda value: f"{rng.choice(WORDS['tags'])}{arguments or ' ' + value}")


def _aliased(text: str, rng: random.Random) -> str:
    """An anchor on one value, its alias for another, before or after it."""
    text = with_value(text, rng, lambda value: f"&a {value}")
    return with_value(
        text, rng, lambda _: rng.choice(["*a", "*b", "[*a, *a]", "{x: *a}", "&a *a", "{<<: *a, rate: 1/s}"])
    )


def _headed(text: str, rng: random.Random) -> str:
    laughs = "".join(f"x-{i}: &{i} [{', '.join([f'*{i - 1}'] * 9)}]\n" for i in range(1, 9))
    return rng.choice([*WORDS["heads"], f"x-0: &0 [x, x, x, x]\n{laughs}"]) + text


def _with_member(text: str, rng: random.Random) -> str:
    lines = _aliased(text, rng).splitlines() if rng.random() < 0.5 else text.splitlines()
    i = rng.randrange(len(lines))
    indent = " " * (len(lines[i]) - len(lines[i].lstrip()))
    return "\n".join([*lines[:i], indent + rng.choice(WORDS["members"]).replace("\n", f"\n{indent}"), *lines[i:]])


def _restyled(text: str, rng: random.Random) -> str:
    return with_value(text, rng, rng.choice(WORDS["styles"]).format)


# Unicode and encodings

LOOKALIKES = str.maketrans(  # Cyrillic letters and full-width signs
    "aceopxyPKSTMH:{}",
    "\u0430\u0441\u0435\u043e\u0440\u0445\u0443\u0420\u041a\u0405\u0422\u041c\u041d\uff1a\uff5b\uff5d",
)
DIGITS = str.maketrans("0123456789", "".join(chr(0x660 + i) for i in range(10)))  # Arabic ones


def of_unicode(text: str, rng: random.Random) -> str:
    """Characters that are not seen, turn the direction, end a line, are no text, or look like others."""
    i = rng.randrange(len(text))
    j = min(len(text), i + rng.choice([1, 3, 20]))
    changes: list[Callable[[], str]] = [
        *[lambda: text[:i] + rng.choice(WORDS["characters"]) + text[i:]] * 4,
        lambda: with_value(text, rng, lambda value: rng.choice(WORDS["characters"]) + value),
        lambda: with_value(text, rng, lambda value: f'"{value.strip(chr(34))}{rng.choice(WORDS["escapes"])}"'),
        lambda: text[:i] + text[i:j].translate(LOOKALIKES) + text[j:],
        lambda: text[:i] + text[i : i + 200].translate(DIGITS) + text[i + 200 :],
        lambda: with_value(text, rng, lambda value: unicodedata.normalize("NFD", f"é{value}ö")),
    ]
    return rng.choice(changes)()


CODECS = ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-7", "utf-8-sig", "cp037", "latin-1", "cp1252"]


def of_encodings(text: str, rng: random.Random) -> bytes:
    """Other encodings, other line ends, and bytes that are no text at all."""
    data = text.encode()
    i = rng.randrange(len(data))
    changes: list[Callable[[], bytes]] = [
        lambda: f"# ä\n{text}".encode(rng.choice(CODECS)),
        lambda: text.replace("\n", rng.choice(["\r\n", "\r", "\n\r", "\x85", "\u2028"])).encode(),
        lambda: data[:i] + rng.randbytes(rng.choice([1, 2, 40])) + data[i:],
        lambda: data[:i] + bytes([data[i] ^ 1 << rng.randrange(8)]) + data[i + 1 :],
        lambda: (
            data[:i]
            + rng.choice([b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82", b"\xff\xfe"])
            + data[i:]
        ),
        lambda: data[:i],
        lambda: rng.choice(
            [gzip.compress(data, mtime=0), b"", b"\n", b"\xef\xbb\xbf", b"\xef\xbb\xbf" * 2 + data, b"\0" * 99]
        ),
    ]
    return rng.choice(changes)()


# Sizes

LENGTHS = [100, 1_000, 10_000, 100_000, 300_000]
NESTS = [("[", "]"), ("{a: ", "}"), ("{map: {a: ", "}}"), ("{list: ", "}"), ("{set: ", "}"), ("[{a: ", "}]")]
SECTIONS = {
    "tables": "{partition_key: PK, sort_key: SK}",
    "fields": "{{count: 5, per: {0}}}",
    "entities": '{{key: {{PK: "A#{{{0}}}", SK: "B{1}"}}}}',
    "access_patterns": "{operation: Scan, rate: 1/s}",
    "roles": "{{principal: {0}}}",
    "rows": "{from: nowhere.csv}",
}


def of_sizes(text: str, rng: random.Random) -> str:
    """Long lines, deep nests, huge numbers, and many of everything."""
    return rng.choice([_long_value, _long_value, _long_name, _nested, _huge_number, _many_parts, _many_members])(
        text, rng
    )


def _long_value(text: str, rng: random.Random) -> str:
    long = rng.choice(WORDS["pieces"]) * (rng.choice(LENGTHS) // 2)
    return with_value(
        text, rng, rng.choice([lambda value: f"'{value}{long}'", lambda value: f"'{long}'", lambda value: value + long])
    )


def _long_name(text: str, rng: random.Random) -> str:
    """Every place of a name of the file becomes a long one."""
    names = [line.split(":")[0].strip() for line in text.splitlines() if line.startswith("  ") and ":" in line]
    return text.replace(rng.choice(names), rng.choice(["a", "1"]) * rng.choice([100, 300, 3_000]))


def _nested(text: str, rng: random.Random) -> str:
    depth, (opened, closed) = rng.choice([5, 20, 24, 45, 60, 5_000]), rng.choice(NESTS)
    return with_value(text, rng, lambda value: opened * depth + "1" + closed * depth)


def _huge_number(text: str, rng: random.Random) -> str:
    number = rng.choice([10**k for k in (6, 9, 12, 18, 19, 30, 37, 38, 300)])
    return with_value(text, rng, lambda _: rng.choice(WORDS["numbers"]).format(number))


def _many_parts(text: str, rng: random.Random) -> str:
    """Thousands of tables, fields, entities, ... in a section that may be there already."""
    section, count = rng.choice(list(SECTIONS)), rng.choice([50, 500, 3_000])
    names = rng.choice(["many{}", "a{}", "Many_{}"])
    field = next((line.split(":")[0].strip() for line in text.partition("fields:\n")[2].splitlines()), "x")
    each = SECTIONS[section].format(field, "{0}") if "{{" in SECTIONS[section] else SECTIONS[section]
    parts = "".join(f"  {names.format(i)}: {each.replace('{0}', str(i))}\n" for i in range(count))
    return (
        text.replace(f"\n{section}:\n", f"\n{section}:\n{parts}", 1)
        if f"\n{section}:\n" in text
        else text + f"{section}:\n{parts}"
    )


def _many_members(text: str, rng: random.Random) -> str:
    """A mapping or list of thousands in place of a value."""
    count = rng.choice([50, 500, 3_000])
    form = rng.choice(WORDS["many"])
    members = ", ".join(form.replace("{}", str(i)).replace("{{", "{").replace("}}", "}") for i in range(count))
    return with_value(text, rng, lambda _: f"[{members}]" if form[0] in '{"' or ":" not in form else f"{{{members}}}")


KINDS: dict[str, Change] = {
    "structure": of_structure,
    "types": of_types,
    "lines": of_lines,
    "YAML": of_yaml,
    "Unicode": of_unicode,
    "encodings": of_encodings,
    "sizes": of_sizes,
}
