"""The workshop's exercises: several right answers pass, and neither a wrong one nor a dodge does."""

import json

import pytest

from tests.answers import RIGHT, RIGHT_POLICIES, WRONG, WRONG_POLICIES, changed
from workbench.exercises import EXERCISES, NAMELESS, Check, check_exercise, hint
from workbench.standings import NAMES, read_standing, result_file

QUICK = {
    ("scan", "the table's own key"),
    ("scan", "an LSI without a sort key"),
    ("webhook", "no such item"),
    ("webhook", "as it was"),
}


def cases(found: dict) -> list:
    """Each answer as a case; those that take seconds are left to `.ci/run`."""
    return [
        pytest.param(
            exercise, *(one if isinstance(one[0], str) else ("", one)),
            id=f"{exercise}: {name}", marks=() if (exercise, name) in QUICK else pytest.mark.slow,
        )
        for exercise, answers in found.items()
        for name, one in answers.items()
    ]  # fmt: skip


@pytest.mark.parametrize(("exercise", "said", "changes"), cases(RIGHT))
def test_a_right_answer_is_solved(engine, exercise, said, changes):
    assert check_exercise(exercise, changed(exercise, changes), engine=engine).wrong == ()


@pytest.mark.parametrize(("exercise", "said", "changes"), cases(WRONG))
def test_a_wrong_answer_is_told_what_is_wrong(engine, exercise, said, changes):
    found = check_exercise(exercise, changed(exercise, changes), engine=engine)
    assert not found.solved and said in " / ".join(found.wrong)


@pytest.mark.parametrize("policy", RIGHT_POLICIES.values(), ids=RIGHT_POLICIES)
def test_a_policy_that_keeps_tenants_apart_is_solved(policy):
    assert check_exercise("policy", policy).wrong == ()


@pytest.mark.parametrize(("said", "policy"), WRONG_POLICIES.values(), ids=WRONG_POLICIES)
def test_a_policy_that_leaks_or_locks_out_is_told_the_request(said, policy):
    found = check_exercise("policy", policy)
    assert not found.solved and said in " / ".join(found.wrong)


def test_every_exercise_has_two_right_answers_three_wrong_ones_and_three_hints():
    right, wrong = {**RIGHT, "policy": RIGHT_POLICIES}, {**WRONG, "policy": WRONG_POLICIES}
    assert set(right) == set(wrong) == set(EXERCISES) == set(NAMES)
    assert all(len(right[name]) >= 2 and len(wrong[name]) >= 3 and len(EXERCISES[name].hints) == 3 for name in NAMES)


def test_what_a_check_says_leads_on_and_gives_no_answer(engine):
    said = " ".join(check_exercise("webhook", EXERCISES["webhook"].text, engine=engine).wrong)
    assert said.endswith("?") and "attribute_not_exists" not in said and "condition" not in said.lower()


def test_what_is_taken_away_is_missed_before_an_engine_is_asked():
    """An engine that is none would fail the check if it were asked."""
    for name, changes in [("scan", WRONG["scan"]["no list"][1]), ("today", WRONG["today"]["smaller"][1])]:
        assert not check_exercise(name, changed(name, changes), engine="http://127.0.0.1:9").solved


def test_an_answer_that_is_no_design_is_wrong_with_its_line():
    (said,) = check_exercise("ttl", "name: x\ntables: [").wrong
    assert said.startswith("answer:2:") and "not YAML" in said


def test_each_mistake_of_a_design_is_a_thing_of_its_own():
    text = EXERCISES["scan"].text.replace("20/s", "20/x").replace("PutItem", "PutIt")
    assert len(check_exercise("scan", text).wrong) == 2


def test_an_exercise_that_there_is_not_is_named_with_those_that_there_are():
    with pytest.raises(ValueError, match="no exercise 'scam'; there are scan, today, ttl, webhook, status, policy"):
        check_exercise("scam", "")


# What is noted


def test_a_check_without_a_name_is_not_recorded_and_says_how(tmp_path, monkeypatch):
    monkeypatch.delenv("WORKBENCH_PARTICIPANT", raising=False)
    assert check_exercise("policy", {}, results=tmp_path).note == NAMELESS
    assert NAMELESS in hint("policy", results=tmp_path) and list(tmp_path.iterdir()) == []


def test_checks_and_hints_are_counted_until_it_is_solved_and_no_longer(tmp_path):
    def tried(policy) -> Check:
        return check_exercise("policy", policy, participant="Ana", results=tmp_path)

    wrong, right = WRONG_POLICIES["as it was"][1], RIGHT_POLICIES["as JSON text"]
    assert [hint("policy", participant="Ana", results=tmp_path)[:11] for _ in range(4)] == [
        "Hint 1 of 3", "Hint 2 of 3", "Hint 3 of 3", "Hint 3 of 3"
    ]  # fmt: skip
    assert not tried(wrong).solved and tried(right).solved and not tried(wrong).solved
    path = result_file(tmp_path, "Ana", "policy")
    found = read_standing(path)
    assert (found.solved, found.attempts, found.hints, found.wrong) == (True, 2, 3, ())
    assert found.measured["decided_wrongly"] == 0 and found.minutes >= 0
    assert json.loads(path.read_text())["solved"] is True


def test_the_environment_may_name_the_participant(tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBENCH_PARTICIPANT", "p07")
    assert "p07.policy.json, after 1 check" in check_exercise("policy", {}, results=tmp_path).note


def test_a_name_that_no_board_could_show_is_made_one(tmp_path):
    for _ in range(2):
        note = check_exercise("policy", {}, participant=" Ana\x1b\n " + "B" * 100, results=tmp_path).note
    assert note.endswith("after 2 checks")
    (path,) = tmp_path.iterdir()
    assert read_standing(path).participant == "Ana " + "B" * 76


def test_a_check_tells_what_is_wrong_in_words_and_escaped():
    found = Check("scan", ("<b>reads</b> all",), {"items_read_per_list": 2022}, "noted")
    assert str(found) == "scan: 1 thing still wrong\n- <b>reads</b> all\nmeasured: items read per list: 2,022\nnoted"
    assert "<b>reads" not in found._repr_html_() and "&lt;b&gt;reads" in found._repr_html_()
    assert list(found.to_frame().columns) == ["still wrong"] and str(Check("scan", ())) == "scan: solved"
