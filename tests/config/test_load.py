"""A configuration file is read, or all its problems are reported at once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from auditor.config import Config, Duration, load, parse, schema
from auditor.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator

EXAMPLE = Path(__file__).parents[2] / "config" / "auditor.yaml"
SMALLEST = "audits: [{name: orders, stream: ORDERS}]"


def problems(text: str, **environ: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        parse(text, "f.yaml", environ)
    return caught.value.problems


def problems_or_none(text: str) -> list[str] | None:
    """None if it loads."""
    try:
        assert isinstance(parse(text, "f.yaml", {}), Config)
    except ConfigError as error:
        return error.problems
    return None


def audit(settings: str) -> str:
    return f"audits: [{{name: orders, stream: ORDERS, {settings}}}]"


def test_the_example_loads_and_says_the_defaults() -> None:
    example, smallest = load(EXAMPLE), parse(SMALLEST, "f.yaml", {})
    assert example.model_dump() == {
        **smallest.model_dump(),
        "audits": (
            {**smallest.model_dump()["audits"][0], "subjects": ("ORDERS.events.>",), "subject_prefix": "ORDERS"},
        ),
    }


def test_the_defaults_are_those_of_the_contract() -> None:
    config = parse(SMALLEST, "f.yaml", {})
    (only,) = config.audits
    assert only.event_subjects == ("ORDERS.events.>",)
    assert only.snapshot_subjects == ("ORDERS.snapshots.>",)
    assert (only.schedule.every, only.full_pass_every) == (Duration(300 * 10**9), Duration(86_400 * 10**9))
    assert (only.max_rate, only.versions.first, only.versions.contiguous) == (0, 1, True)
    assert config.quarantine.max_bytes == 1024**3
    assert (config.http.host, config.http.port) == ("0.0.0.0", 9464)
    assert config.nats.inbox_prefix == "_INBOX_auditor"


def test_every_problem_is_reported_at_once_each_with_its_path() -> None:
    text = """
        nats: {servers: [here], user: a, token: b}
        audits:
          - {name: A!, strem: X, schedule: {every: 5 minutes}}
          - {name: b, stream: S, max_rate: "5", subjects: [T.events.>], actors: [x, ""]}
          - {name: b, stream: S, schedule: {every: 5m, cron: "* * * * *"}, versions: {first: 0}}
        quarantine: {max_bytes: lots, stream: S}
        http: {listen: 9464}
        log: {level: loud, level: info}
    """
    assert {problem.partition(": ")[0] for problem in problems(text)} == {
        "nats",
        "nats.servers[0]",
        "nats.user",
        "audits[0].name",
        "audits[0].stream",
        "audits[0].strem",
        "audits[0].schedule.every",
        "audits[1].max_rate",
        "audits[1].subjects[0]",
        "audits[1].actors",
        "audits[1].actors[1]",
        "audits[2].name",
        "audits[2].schedule",
        "audits[2].versions.first",
        "quarantine.max_bytes",
        "quarantine.stream",
        "http.listen",
        "line 9",
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: [", "not YAML"),
        ("[1, 2]", "must be a mapping"),
        ("", "must be a mapping"),
        ("audits: []", "audits: needs at least one entry"),
        ("{}", "audits: is required"),
        ("audits: 5", "audits: expected a list, found a whole number"),
        ("audits: [x]", "audits[0]: expected a mapping, found text"),
        ("{1: 2}", "a key must be text"),
        ("a: !!python/object:os.system {}", "not YAML"),
        ("[" * 100, "nested more than"),
        ("a: &a [*a]", "not YAML"),
        (audit("strem: X"), 'audits[0].strem: unknown key (did you mean "stream"?)'),
        (audit('schedule: {every: "5 minutes"}'), 'audits[0].schedule.every: "5 minutes" is not a duration'),
        (audit("schedule: {every: 0}"), "audits[0].schedule.every: must be more than 0"),
        (audit("schedule: {every: 0ms}"), "audits[0].schedule.every: must be more than 0"),
        (audit("schedule: {every: 0h0m}"), "audits[0].schedule.every: must be more than 0"),
        (audit("schedule: {every: 2000d}"), 'audits[0].schedule.every: "2000d" is longer than five years'),
        (audit("schedule: {every: 999999999d}"), "audits[0].schedule.every: "),
        (audit("schedule: {every: 5m, jitter: 2000d}"), 'audits[0].schedule.jitter: "2000d" is longer than five years'),
        (
            audit("schedule: {every: 5m, jitter: 301s}"),
            "audits[0].schedule: a jitter of 301s is longer than the time between two passes (0:05:00)",
        ),
        (
            audit('schedule: {cron: "0 9,10 * * mon", jitter: 2h}'),
            "audits[0].schedule: a jitter of 2h is longer than the time between two passes (1:00:00)",
        ),
        (
            audit('schedule: {cron: "0 0 30 2 *"}'),
            'audits[0].schedule.cron: "0 0 30 2 *" does not fire within five years',
        ),
        (audit("max_rate: 99999999999999999999"), "audits[0].max_rate: must be at most"),
        (audit("versions: {first: 9223372036854775808}"), "audits[0].versions.first: must be at most"),
        (audit("schedule: {jitter: 5s}"), "audits[0].schedule: needs either every or cron"),
        (audit('schedule: {cron: "61 * * * *"}'), "the minute is not"),
        (audit('schedule: {cron: "* * *"}'), "five fields"),
        (audit("subjects: [ORDERS.events]"), "outside the stream's events"),
        (audit("subjects: [ORDERS.events.>.a]"), "is not a subject"),
        (audit('actors: ["a\\tb"]'), "audits[0].actors[0]: cannot be the id of an actor: it has a tab or a line end"),
        (audit('actors: ["\\ud800"]'), "cannot be the id of an actor: it is not valid Unicode"),
        (audit("snapshots: 1"), "expected true or false, found a whole number"),
        (f"{SMALLEST}\nquarantine: {{subject_prefix: ORDERS.events.q}}", "overlaps the audited subjects of ORDERS"),
        (f"{SMALLEST}\nstate: {{stream: AETHER_QUARANTINE}}", "state.stream: is the same as quarantine.stream"),
        (f"{SMALLEST}\nnats: {{jetstream_domain: a.b}}", "nats.jetstream_domain:"),
        (
            f"{SMALLEST}\nstate: {{jetstream_domain: a, jetstream_api_prefix: b}}",
            "state.jetstream_api_prefix: cannot be",
        ),
        (audit("subject_prefix: shop, subjects: [ORDERS.events.>]"), "it must begin with shop.events."),
        (audit('jetstream_domain: "", jetstream_api_prefix: b'), "audits[0].jetstream_api_prefix: cannot be combined"),
        (f"{SMALLEST}\nnats: {{user: u}}", "nats.user: needs nats.password or nats.password_file, too"),
        (f"{SMALLEST}\nnats: {{user: u, password: p, password_file: f}}", "nats.password_file: cannot be combined"),
        (f"{SMALLEST}\nnats: {{token: t, token_file: f}}", "nats: gives more than one kind of credentials"),
        (f"{SMALLEST}\nnats: {{servers: ['wss://a'], tls: {{server_name: b}}}}", "nats.tls.server_name: has no effect"),
        (f"{SMALLEST}\nnats: {{password: p}}", "nats.password: needs nats.user, too"),
    ],
)
def test_a_problem_is_described(text: str, expected: str) -> None:
    assert any(expected in problem for problem in problems(text)), problems(text)


def test_a_secret_is_never_repeated() -> None:
    text = f"{SMALLEST}\nnats: {{user: 5, password: [hunter2], token: ['${{T}}']}}\nquarantine: {{max_bytes: '${{T}}'}}"
    assert not any("hunter2" in problem for problem in problems(text, T="hunter2"))


def test_a_file_that_cannot_be_read_is_one_problem(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        load(tmp_path / "none.yaml")
    (tmp_path / "latin1.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="not UTF-8"):
        load(tmp_path / "latin1.yaml")


def test_the_schema_accepts_the_example_and_refuses_an_unknown_key() -> None:
    validator = jsonschema.Draft202012Validator(schema())
    example = yaml.safe_load(EXAMPLE.read_text())
    validator.validate(example)
    example["audits"][0]["max_rate"] = "${RATE}"
    validator.validate(example)
    example["audits"][0]["strem"] = "X"
    assert not validator.is_valid(example)


def defaults(part: object, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every part of a JSON Schema that has a default, with its path."""
    if isinstance(part, dict):
        if "default" in part:
            yield path, part
        for key, inner in part.items():
            yield from defaults(inner, f"{path}/{key}")


def test_every_default_in_the_schema_is_valid_against_the_schema() -> None:
    whole = schema()
    found = list(defaults(whole))
    assert {path.rpartition("/")[2] for path, _ in found} >= {"full_pass_every", "jitter", "max_age", "listen", "every"}
    for path, part in found:
        validator = jsonschema.Draft202012Validator({**part, "$defs": whole["$defs"]})
        assert validator.is_valid(part["default"]), path


def test_every_default_in_the_schema_is_the_one_of_the_file() -> None:
    whole = schema()["$defs"]
    assert whole["AuditConfig"]["properties"]["full_pass_every"]["default"] == "1d"
    assert whole["HttpConfig"]["properties"]["listen"]["default"] == "0.0.0.0:9464"
    assert whole["ScheduleConfig"]["properties"]["jitter"]["default"] == "0"


def test_a_level_of_the_log_may_come_from_the_environment() -> None:
    text = f"{SMALLEST}\nlog: {{level: '${{LEVEL}}', format: '${{FORMAT:-console}}'}}"
    assert parse(text, "f.yaml", {"LEVEL": "debug"}).log.level == "debug"
    jsonschema.Draft202012Validator(schema()).validate(yaml.safe_load(text))


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just("${X}") | st.just("${X:-5}")
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
)


def test_a_key_that_breaks_the_line_is_reported_in_one_line() -> None:
    (problem,) = [
        line for line in problems_or_none('{"a\\nb": 1, audits: [{name: a, stream: S}]}') or () if "a" in line
    ]
    assert problem == r"a\x0ab: unknown key"


def test_aliases_that_repeat_too_many_values_are_refused() -> None:
    lists = [f"l{level}: &l{level} [{', '.join([f'*l{level - 1}'] * 10)}]" for level in range(1, 12)]
    text = "\n".join(["l0: &l0 [x]", *lists, "audits: *l11"])
    assert problems(text) == ["has more than 1000000 values, with those that aliases repeat"]


def test_a_file_that_is_too_long_or_is_none_is_one_problem(tmp_path: Path) -> None:
    for path, problem in (
        (tmp_path, "cannot be read: Is a directory"),
        (Path("/dev/zero"), "cannot be read: it is longer than 4194304 bytes"),
    ):
        with pytest.raises(ConfigError) as caught:
            load(path)
        assert caught.value.problems == [problem]


def test_a_number_of_too_many_digits_is_a_problem_in_words_of_the_file() -> None:
    assert problems(f"audits: {'9' * 5000}") == [
        "not YAML: a number has too many digits, or a tag does not fit its value"
    ]


@given(data=st.data(), value=values)
def test_any_value_of_a_setting_loads_or_its_problems_are_reported(data: st.DataObject, value: object) -> None:
    tree = yaml.safe_load(EXAMPLE.read_text())
    at = tree
    while True:
        key = data.draw(st.sampled_from(sorted(at) if isinstance(at, dict) else range(len(at))))
        if not isinstance(at[key], (dict, list)) or not at[key] or data.draw(st.booleans()):
            break
        at = at[key]
    at[key] = value
    found = problems_or_none(yaml.safe_dump(tree))
    assert found is None or (found and all("\n" not in problem for problem in found))


@given(st.text())
def test_any_text_loads_or_its_problems_are_reported(text: str) -> None:
    assert problems(text)
