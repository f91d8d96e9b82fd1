"""The benchmarks at small sizes: what they compare is comparable, and what they print is what they measured.

Whether the ratios hold is for `make bench`, which has the time to measure them.
"""

import doctest
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks import __main__ as bench
from benchmarks import (
    chores,
    costs,
    experiments,
    explorer,
    imports,
    items,
    loading,
    ratios,
    regress,
    simulation,
    sizes,
    validation,
)
from benchmarks.ratios import Fact, Grid, Ratio
from workbench.conditions import Start
from workbench.design import key_template
from workbench.simulation import simulate
from workbench.sizes import item_size


@pytest.fixture(scope="module")
def design():
    return items.task_design(12_000)


@pytest.fixture
def results(tmp_path, monkeypatch):
    """Where RESULTS.md goes in a test: never to the real one."""
    monkeypatch.setattr(bench, "RESULTS", tmp_path / "RESULTS.md")
    monkeypatch.setattr(bench, "KEPT", tmp_path / "build" / "benchmarks.md")
    return bench.RESULTS


def test_sizes_weighed_anew_are_the_same_and_a_wrong_one_would_be_noticed(design):
    made, _ = items.as_columns(design)
    before = made.sizes.copy()
    assert sizes.weigh(made) == len(made) and made.sizes is not before
    assert (made.sizes == before).all() and sizes.disagreements(made) == 0
    made.sizes[3] += 1
    assert sizes.disagreements(made) == 1


@pytest.mark.parametrize("module", [ratios, bench, validation])
def test_the_examples_in_the_docstrings_run(module):
    assert doctest.testmod(module).failed == 0


def test_ten_thousand_random_items_agree_with_item_size_their_templates_and_the_key_hash(design):
    made, hashes = items.as_columns(design)
    places = np.random.default_rng(20).permutation(len(made))[:10_000]
    assert len(places) == 10_000
    assert list(items.disagreements(design, made, hashes, places)) == []


def test_a_wrong_size_hash_or_key_would_be_noticed(design):
    made, hashes = items.as_columns(design)
    places = np.arange(2)
    other_keys = replace(made, columns={**made.columns, "SK": made.columns["PK"]})
    assert len(list(items.disagreements(design, made, hashes + np.uint64(1), places))) == 2
    wrong = list(items.disagreements(design, other_keys, hashes, places))
    assert sum("SK is not" in line for line in wrong) == 2
    made.sizes[0] += 1
    assert len(list(items.disagreements(design, made, hashes, places))) == 1


def test_there_are_about_as_many_tasks_as_asked_for(design):
    assert 12_000 <= len(items.as_columns(design)[0]) <= 12_800


def test_fakers_items_are_comparable(design):
    made, _ = items.as_columns(design)
    theirs = items.with_faker(1_000)
    for name in ("PK", "SK", "ownerId"):
        template = key_template(design.domains_of("Task")[name], name)
        assert all(template.match(item[name]) for item in theirs)
    assert {tuple(sorted(item)) for item in theirs} == {tuple(sorted(made.take([0])[0]))}
    assert len({(item["PK"], item["SK"]) for item in theirs}) == 1_000
    assert np.mean([item_size(item) for item in theirs]) == pytest.approx(made.sizes.mean(), rel=0.1)
    assert len(theirs[0]["createdAt"]) == len(made.take([0])[0]["createdAt"])


def test_rates_run_the_candidates_in_turn_and_leave_out_the_first_round():
    ran = []

    def candidate(name):
        return lambda: ran.append(name) or 5

    found = ratios.rates({"a": candidate("a"), "b": candidate("b")}, 2)
    assert ran == ["a", "b", "a", "b", "a", "b"]
    assert {name: len(values) for name, values in found.items()} == {"a": 2, "b": 2}


def test_the_median_of_the_rounds_keeps_the_bound_or_does_not():
    found = {"a": [6.0, 8.0, 9.0], "b": [3.0, 2.0, 3.0]}
    assert ratios.ratio(found, "a", "b", at_least=3).holds
    assert not ratios.ratio(found, "a", "b", at_least=3.01).holds
    assert ratios.ratio(found, "a", "b", at_most=3).holds
    assert not ratios.ratio(found, "a", "b", at_most=2.99).holds
    assert [ratios.ratio(found, "a", "b", at_most=3).required, ratios.ratio(found, "a", "b").required] == [
        "at most 3",
        "",
    ]


def test_a_quick_run_of_the_items_prints_the_ratio_and_writes_nothing(monkeypatch, capsys, results):
    monkeypatch.setenv("QUICK", "1")
    monkeypatch.setitem(bench.QUICK, "items", {"tasks": 2_000, "one_by_one": 100, "compared": 100, "rounds": 1})
    assert bench.main(["items"]) in (0, 1)
    printed = capsys.readouterr().out
    assert "items as columns : items one by one with Faker: " in printed
    assert "at least 100 is required" in printed
    assert "peak memory" in printed
    assert not results.exists()


@pytest.mark.engine
def test_loading_compares_three_ways_on_one_engine_and_leaves_no_table(engine, monkeypatch):
    monkeypatch.setattr(loading, "memory", lambda tasks: Fact("memory", str(tasks)))
    before = engine.client().list_tables()["TableNames"]
    found = list(loading.measure(tasks=300, written=200, rounds=1, engine=engine))
    bare, boto = (one for one in found if isinstance(one, Ratio))
    assert bare.name == "loading through run_patterns : bare client, ready-made bodies"
    assert boto.name == "loading through run_patterns : boto3's batch_writer"
    assert (bare.required, boto.required) == ("at least 0.9", "at least 2")
    assert min(*boto.values, *bare.values) > 0
    assert engine.client().list_tables()["TableNames"] == before


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="Linux tells and resets the peak")
def test_the_clients_memory_is_that_at_item_10_000_whatever_is_still_to_come():
    found = loading.memory(40_000)
    assert found.name.startswith("client's memory up to item 4")
    assert found.name.endswith(": at item 10,000")
    assert found.required == "at most 1.1" and found.holds


@pytest.mark.engine
def test_batch_writer_reads_no_profile_proxy_or_credential_of_the_user(engine, monkeypatch):
    monkeypatch.setenv("AWS_PROFILE", "not-there")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    assert loading._resource(engine).meta.client.list_tables()["ResponseMetadata"]["HTTPStatusCode"] == 200


def test_the_cost_of_300_patterns_is_measured_against_a_second():
    design = costs.large_design(3)
    assert len(design.access_patterns) == 30
    assert {pattern.operation for pattern in design.access_patterns.values()} >= {"Query", "TransactWriteItems"}
    found, items_there = costs.measure(rounds=1, kinds=3)
    assert found.name == "cost of 30 access patterns : 1 s, time"
    assert found.at_most == 1 and found.median > 0
    assert items_there.name == "items"


def test_imports_compare_fresh_processes_with_import_pandas():
    package, check, *facts = imports.measure(rounds=1)
    assert (package.required, check.required) == ("at most 0.25", "at most 1.5")
    assert package.name == "import workbench : import pandas, time"
    assert [fact.name for fact in facts] == [f"{name}, a fresh process" for name in imports.PROGRAMS]


def stub(*found):
    return lambda: iter(found)


def test_a_full_run_writes_every_ratio_with_its_bound_median_and_spread(monkeypatch, capsys, results):
    monkeypatch.delenv("QUICK", raising=False)
    kept, free = Ratio("a : b", (2.0, 4.0, 3.0), at_least=2.5), Ratio("c : d", (0.5,))
    monkeypatch.setattr(bench, "SUBJECTS", {"x": stub(kept), "y": stub(free, Fact("memory", "5 MB"))})
    assert bench.main([]) == 0
    text = results.read_text("utf-8")
    assert "| a : b | at least 2.5 | **3** | 2 to 4 in 3 rounds | yes |" in text
    assert "| c : d |  | **0.5** | 0.5 to 0.5 in 1 round |  |" in text
    assert "| memory | 5 MB |" in text
    assert "cores" in text and "Python 3." in text
    assert "x\n  a : b: 3 (2 to 4 in 3 rounds), at least 2.5 is required" in capsys.readouterr().out


def test_a_table_of_findings_has_a_section_of_its_own(monkeypatch, capsys, results):
    grid = Grid("Engines", ("operation", "one"), (("GetItem", "7 right"),), "How to read it.")
    monkeypatch.setattr(bench, "SUBJECTS", {"x": stub(grid)})
    monkeypatch.delenv("QUICK", raising=False)
    assert bench.main([]) == 0
    expected = "\n## Engines\n\nHow to read it.\n\n| operation | one |\n| --- | --- |\n| GetItem | 7 right |\n"
    assert expected in results.read_text("utf-8")
    assert "Engines:\n    operation  one\n    GetItem  7 right" in capsys.readouterr().out


def test_a_missed_bound_is_said_and_is_exit_code_1(monkeypatch, capsys, results):
    monkeypatch.setattr(bench, "SUBJECTS", {"x": stub(Ratio("a : b", (1.0,), at_least=2))})
    monkeypatch.delenv("QUICK", raising=False)
    assert bench.main([]) == 1
    assert capsys.readouterr().err == "MISSED a : b: 1, at least 2 is required\n"
    assert "| **no** |" in results.read_text("utf-8")


def breaks(error):
    def measure():
        yield Fact("before", "it broke")
        raise error

    return measure


def test_a_subject_that_fails_keeps_no_other_from_running_and_the_last_results_stay(monkeypatch, capsys, results):
    results.write_text("of the last run")
    subjects = {"x": breaks(AssertionError("seed 7")), "y": stub(Ratio("a : b", (3.0,), at_least=2))}
    monkeypatch.setattr(bench, "SUBJECTS", subjects)
    monkeypatch.delenv("QUICK", raising=False)
    assert bench.main([]) == 1
    printed = capsys.readouterr()
    assert printed.err.endswith("FAILED x: AssertionError: seed 7\n") and "a : b: 3" in printed.out
    assert f"{bench.KEPT} written" in printed.out
    kept = bench.KEPT.read_text("utf-8")
    assert "| before | it broke |" in kept and "| a : b | at least 2 | **3** |" in kept
    assert "| x | 0 s | AssertionError: seed 7 |" in kept and "| y | 0 s |  |" in kept
    assert results.read_text() == "of the last run"


def test_what_was_found_before_an_interruption_is_kept(monkeypatch, capsys, results):
    monkeypatch.setattr(bench, "SUBJECTS", {"x": stub(Fact("a", "1 s")), "y": breaks(KeyboardInterrupt()), "z": stub()})
    monkeypatch.delenv("QUICK", raising=False)
    assert bench.main([]) == 1
    assert "FAILED the run: interrupted" in capsys.readouterr().err
    kept = bench.KEPT.read_text("utf-8")
    assert "| a | 1 s |" in kept and "| before | it broke |" in kept and not results.exists()


def test_all_subjects_may_take_thirty_minutes_and_quick_ones_five(monkeypatch, capsys, results):
    monkeypatch.setattr(bench, "SUBJECTS", {"x": stub()})
    for quick, minutes in (("", 30), ("1", 5)):
        monkeypatch.setenv("QUICK", quick)
        assert bench.main([]) == 0
        assert f"make bench, all of it : {minutes} minutes: " in capsys.readouterr().out
    ended = [bench.Ended("x", 1_000.0), bench.Ended("y", 810.0)]
    assert bench.whole_time(ended, 30).values == (pytest.approx(1810 / 1800),)
    assert not bench.whole_time(ended, 30).holds and bench.whole_time(ended[:1], 30).holds


def test_every_subject_has_a_quick_size_or_needs_none():
    assert {"crosscheck"} == set(bench.SUBJECTS) - set(bench.QUICK)


def test_a_time_is_held_against_its_limit(monkeypatch):
    monkeypatch.setattr(chores, "workbench", lambda *words: {"demo": 30.0, "test": 301.0}[words[0]])
    monkeypatch.setattr(chores, "notebook", lambda path: 12.5)
    monkeypatch.setattr(chores, "megabytes", lambda folder: 3.2)
    demo, seconds, tests, _, slowest, _, grid, size = chores.measure(notebooks=1)
    assert (demo.name, demo.holds, seconds.value) == ("make demo, the second time : 30 s", True, "30.0 s")
    assert (tests.name, tests.holds) == ("make test : 300 s", False)
    assert (slowest.name, slowest.holds) == ("the slowest notebook, 01_quickstart : 30 s", True)
    assert grid.rows == (("notebooks/01_quickstart.ipynb", "12.5 s"),)
    assert size.value == "3 MB"


def test_an_unknown_subject_is_wrong_usage(capsys, results):
    assert bench.main(["speed"]) == 2
    assert f"no subject speed; there are {', '.join(bench.SUBJECTS)}" in capsys.readouterr().err
    assert not results.exists()


def test_the_compiled_loop_admits_what_the_simulation_admits():
    """Both sides of the ratio do the same work: the loop's partitions serve what those of the simulation do."""
    pytest.importorskip("numba")
    work, partitions, seconds = simulation.load(20_000), 200, 30
    means = simulation.partition_means(work, partitions, 100_000.0)
    served = simulation.admitted(simulation.loop(), means, seconds)
    frozen = replace(simulation.LIFTED, split_utilisation=9.0)
    ran = simulate(
        simulation.with_rate(work, 100_000.0), seconds, start=Start(partitions), profile=frozen, heat=False
    ).ring()
    assert served.sum() == pytest.approx(ran.consumed["write"].sum(), rel=0.002)
    theirs = ran.consumed["write"].sum(axis=0)
    assert (np.abs(served - theirs) <= 5 * (2 * theirs) ** 0.5).all()


def test_all_published_cases_can_be_read_and_four_are_fitted():
    cases = {path.stem: experiments.load_case(path) for path in experiments.CASES.glob("*.yaml")}
    assert set(cases) == {"K1", "K3", "Q1", "S1", "F1", "B1", "G1", "O1"}
    fitted = {f"{name}: {one.figure}" for name, case in cases.items() for one in case.measured if one.fit}
    assert {name.split(":")[0] for name in fitted} == {"S1", "Q1", "G1", "F1"}
    assert [one for one in fitted if one.startswith("F1")] == ["F1: partitions"]
    assert all(case.source and case.about for case in cases.values())


def test_a_case_is_simulated_for_each_seed():
    case = experiments.load_case(experiments.CASES / "O1.yaml")
    assert validation.simulated(case, [1, 2]) == [[pytest.approx(4000, rel=0.01)]] * 2


def compared(value, tolerance, *predicted):
    one = experiments.Measurement("a figure", value, tolerance, "partitions", False, {})
    case = experiments.Case("X1", "", "a page", {}, {}, (one,))
    return validation.Comparison(case, one, np.array(predicted, dtype=float))


def test_inside_means_that_the_band_meets_what_was_measured_with_its_tolerance():
    assert compared(1000, "plateau", 1100, 1200, 1300).inside
    assert not compared(1000, "plateau", 1101, 1200, 1300).inside
    assert not compared(1000, "plateau", 1100, 1200, 1300).within_tolerance
    assert not compared(1000, "plateau", 1100, 1200, 1300).in_band
    assert compared(8, "time", 17, 16, 20).inside
    assert not compared(8, "time", 17, 18).inside
    assert compared(0.001, "share", 0.011).inside  # one percentage point
    assert not compared(0.2, "share", 0.09).inside
    assert compared(100, 0.5, 60).within_tolerance
    row = str(compared(1000, "plateau", 1101, 1200, 1300))
    assert row == "| X1: a figure | 1,000 | 1,200 | +20 % | **no** | 1,101 to 1,300 | no | **no** | held out |"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("source: a page\ndesign: {}\nduration: 1h\n", "no measured"),
        ("source: a page\ndesign: {}\nduration: 1h\nmeasured: {}\nspeed: 3\n", "unknown speed"),
        ("source: s\ndesign: {}\nduration: 1h\nmeasured: {a: {value: 1, figure: partitions}}\n", "a: no tolerance"),
        ("source: s\ndesign: {}\nduration: 1h\nmeasured: {a: {value: 1, tolerance: 0.1, figure: x}}\n", "figure x"),
    ],
)
def test_a_case_that_cannot_be_read_says_why(tmp_path, text, words):
    path = tmp_path / "X1.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=words):
        experiments.load_case(path)


CASE = """
source: a page
design:
  tables: {Items: {partition_key: id, capacity: {read: 5, write: 100}}}
  fields: {id: {count: 1_000}}
  entities: {Item: {size: 900}}
  access_patterns: {put: {operation: PutItem, rate: 150/s}}
duration: 2min
"""
MEASURED = "measured: {first: {value: 1.5, tolerance: 0.5, figure: partitions}}\n"


def case_file(tmp_path, text):
    path = tmp_path / "X1.yaml"
    path.write_text(CASE + text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "setting",
    [
        "load: {shape: step, before: 0.2, at: 0.5}",
        "load: {shape: constant, multiple: 1.5}",
        "load: [[0, 0.5], [60, 1.5]]",
        "profile: {split_utilisation: 0.9}",
        "clients: {put: {attempts: 3, base_s: 0.1}}",
        "start: {idle_s: 60.5, previous_peak: {write: 0.5}}",
        "capacity: {read: 5, write: {min: 10, max: 90, target: 0.7}}",
    ],
)
def test_decimals_of_a_case_file_are_numbers(tmp_path, setting):
    case = experiments.load_case(case_file(tmp_path, f"{setting}\n{MEASURED}"))
    assert case.measured[0].allowed == (0.75, 2.25)
    assert validation.simulated(case, [1]) == [[1.0]]


def test_throttling_starts_once_the_burst_is_spent(tmp_path):
    # section 6, closed form 4: b0 / (x - P) = 100 * 30 / (150 - 100) s
    measured = "measured: {first: {value: 60, tolerance: 0.05, figure: first_throttle_s, between: [0, 120]}}\n"
    case = experiments.load_case(case_file(tmp_path, f"start: {{idle_s: 30}}\n{measured}"))
    assert validation.simulated(case, [1]) == [[pytest.approx(60, abs=3)]]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("figure: partitions, pattern: nope", "first: pattern: the design has no 'nope'; there are put"),
        ("figure: partitions, table: Nope", "table: the design has no 'Nope'; there are Items"),
        ("figure: partitions, index: nope", "index: the design has no 'nope'; there are none"),
        ("figure: partitions, kind: writes", "kind: 'writes'; allowed is read or write"),
        ("figure: partitions, between: [600, 300]", "between: .*the earlier one first"),
        ("figure: partitions, between: [100]", "between: .*two times"),
        ("figure: partitions, between: [0, 121]", "ends after the 120 s"),
        ("figure: throttled_share, reason: Throttled", "reason: 'Throttled'; allowed is one of TableRead"),
        ("figure: partitions, reason: TableWriteAccountLimitExceeded", "no bearing on partitions"),
        ("figure: consumed_units_per_s, statistic: mode", "statistic: 'mode'; allowed is median"),
        ("figure: minutes_until", "minutes_until needs `reaches`"),
    ],
)
def test_a_measurement_that_cannot_be_told_says_why(tmp_path, options, words):
    path = case_file(tmp_path, f"measured: {{first: {{value: 1, tolerance: 0.1, {options}}}}}\n")
    with pytest.raises(ValueError, match=f"X1.yaml: first: .*{words}" if not words.startswith("first") else words):
        experiments.load_case(path)


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("start: {partition: 3}", "start: unknown partition; there are partitions, previous_peak, warm, idle_s"),
        ("start: {idle_s: -1}", "start: start: idle_s=-1"),
        ("clients: {put: 3}", "clients: write them by access pattern"),
        ("clients: {get: {threads: 3}}", "clients: the design has no access pattern 'get'; it has put"),
        ("profile: {speed: 3}", "profile: unknown speed"),
    ],
)
def test_a_setting_that_cannot_be_used_says_why(tmp_path, setting, words):
    with pytest.raises(ValueError, match=f"X1.yaml: {words}"):
        experiments.load_case(case_file(tmp_path, f"{setting}\n{MEASURED}"))


def test_a_value_is_a_number(tmp_path):
    with pytest.raises(ValueError, match="first: value '20%' is not a number"):
        experiments.load_case(case_file(tmp_path, MEASURED.replace("1.5", "20%")))


def test_a_case_that_is_not_there_is_said_in_a_line(tmp_path, capsys):
    assert validation.main([str(tmp_path / "X2.yaml")]) == 2
    assert capsys.readouterr().err.endswith("X2.yaml: No such file or directory\n")


def test_published_measurements_stand_in_the_results(monkeypatch, results):
    monkeypatch.delenv("QUICK", raising=False)
    monkeypatch.setattr(bench, "SUBJECTS", {"x": stub(compared(1000, "plateau", 990, 1000, 1010))})
    assert bench.main([]) == 0
    text = results.read_text("utf-8")
    assert "medians of 3 seeds" in text
    assert "| X1: a figure | 1,000 | 1,000 | +0 % | yes | 990 to 1,010 | yes | yes | held out |" in text
    assert "1 of 1 measurements inside" in text


@pytest.mark.slow
def test_the_gate_is_compared_with_papermill_alone_on_the_same_notebooks():
    overhead, *facts = regress.measure(rounds=1, notebooks=2)
    assert overhead.required == "at most 1.3" and overhead.name.startswith("workbench regress -n 1 : papermill alone")
    assert len(overhead.values) == 1 and overhead.values[0] > 0 and len(facts) == 2


@pytest.mark.slow
def test_a_move_of_the_explorer_is_measured_in_a_kernel_and_takes_no_more_of_the_processor_than_a_drag_allows():
    moves, processor, rest, *facts = explorer.measure(rounds=3)
    assert len(moves.values) == 15 and len(facts) == 5
    assert moves.required == processor.required == rest.required == "at most 1"
    assert processor.median < 1, "of 0.3 s of the processor; 0.4 to 0.5 were seen"
    assert rest.median < 5, "the simulation follows, also on a busy machine"
