"""What of a chart stays while a slider is dragged, and that the rest never stays."""

import io

import numpy as np
import pytest
from matplotlib.image import imread

import workbench as wb
from workbench import frames
from workbench.designfile import parse_design
from workbench.frames import Frame, kept_frame, png
from workbench.outlook_charts import CHARTS

MARGINS = (0.5, 0.1, 0.3, 0.2)


def labelled(ax):
    ax.set(xlim=(0, 10), ylim=(0, 5), xlabel="minutes")
    return [ax.yaxis]


def test_content_is_drawn_once_and_is_gone_from_the_next_picture():
    frame = Frame(3.0, 2.0, MARGINS, labelled)
    empty = frame.draw(lambda ax: None)
    full = frame.draw(lambda ax: ax.plot([0, 10], [0, 5]))
    assert empty.shape == full.shape == (200, 300, 3) and (empty != full).any()
    assert np.array_equal(frame.draw(lambda ax: None), empty)


def test_the_scale_of_values_follows_the_content():
    frame = Frame(3.0, 2.0, MARGINS, labelled)
    small, large = (frame.draw(lambda ax, top=top: ax.set_ylim(0, top)) for top in (5, 5_000))
    left = frame.place[0]
    assert (small[:, :left] != large[:, :left]).any(), "the numbers beside the axis"
    assert np.array_equal(small[:, left + 2 :], large[:, left + 2 :])


def test_the_frame_says_where_its_axes_are():
    left, top, right, bottom = Frame(3.0, 2.0, MARGINS, labelled).place
    assert (left, top, right, bottom) == (50, 20, 290, 170)


def test_pixels_become_a_png_that_holds_them():
    pixels = np.arange(4 * 5 * 3, dtype=np.uint8).reshape(4, 5, 3)
    assert np.array_equal((imread(io.BytesIO(png(pixels)))[..., :3] * 255).round(), pixels)


def test_a_frame_is_made_once_for_a_key_and_those_used_last_are_kept(monkeypatch):
    monkeypatch.setattr(frames, "_frames", {})
    made = [kept_frame(n, object) for n in range(frames.KEPT)]
    assert kept_frame(0, object) is made[0]
    kept_frame("one more", object)
    assert kept_frame(0, object) is made[0] and kept_frame(1, object) is not made[1]


DESIGN = """
name: events
tables: {{Events: {{partition_key: PK, sort_key: SK}}}}
fields: {{user: {{count: {users}, popularity: zipf(1.2)}}, event: {{per: user, count: 3, type: ulid}}}}
entities: {{Event: {{key: {{PK: "USER#{{user}}", SK: "EVENT#{{event}}"}}, size: 2 KB}}}}
access_patterns:
  record-event: {{operation: PutItem, rate: 30/s, peak: 900/s}}
  list-events: {{operation: Query, key_condition: PK = :PK, rate: 10/s}}
"""
TURNED = ({"rate": 4_000}, {"skew": 2.0}, {"rate": 5}, {"shards": 4}, {"size": 4_000})
AS_DESIGNED = dict.fromkeys(("rate", "skew", "shards", "size"))


@pytest.mark.parametrize("name", CHARTS)
@pytest.mark.parametrize("users", [10, 200], ids=["named keys", "ranked keys"])
def test_a_picture_is_the_same_whatever_was_drawn_before_it(users, name, monkeypatch):
    """Also after many others in the same frame, and with a state pinned or not."""
    monkeypatch.setattr(frames, "_frames", {})
    explorer = wb.explorer(parse_design(DESIGN.format(users=users)), pattern="record-event")
    founds = [explorer.found, *(explorer.set(**AS_DESIGNED | knobs).found for knobs in TURNED)]
    pairs = [(found, before) for before in (None, founds[1]) for found in (*founds, founds[0])]
    for pair, (pixels, words) in zip(pairs, [CHARTS[name](*pair) for pair in pairs], strict=True):
        frames._frames.clear()
        anew, same = CHARTS[name](*pair)
        assert same == words and np.array_equal(anew, pixels)
