"""No file uses a name or a word that the terms of the glossary have replaced."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parent.parent
PLACES = ("auditor", "tests", "bench", "docs", "deploy", "config", "README.md", "CONTRIBUTING.md", "CHANGELOG.md")
SUFFIXES = {".py", ".md", ".html", ".yaml", ".conf", ".json", ".go", ".sh"}


class Row(NamedTuple):
    """One replaced name or word."""

    old: str
    pattern: re.Pattern[str]
    new: str


def names(table: str) -> list[Row]:
    """Read pairs `old:new`. An old name is an identifier, or the end of one that begins with a dot, in its exact case."""
    pairs = [pair.rpartition(":") for pair in table.split()]
    return [
        Row(
            old,
            re.compile(r"(?<!\w)" * old[0].isidentifier() + re.escape(old) + r"(?!\w)" * old[-1].isidentifier()),
            new,
        )
        for old, _, new in pairs
    ]


def words(table: str) -> list[Row]:
    """Read one `old = new` a line. An old word is a regular expression, in any case; `_` separates words, too."""
    rows = [line.partition(" = ") for line in table.strip().splitlines()]
    return [Row(old, re.compile(rf"(?<![A-Za-z])(?:{old})(?![A-Za-z])", re.IGNORECASE), new) for old, _, new in rows]


NAMES = names("""
actor_of:actor_id_of subject_tail:actor_key askable:check_readable_id storable:check_storable_id
unaskable_reason:unreadable_id_reason unstorable_reason:unstorable_id_reason ordinary_event:fast_event fastpath:fast
is_ordinary:fits_fast_path is_plain:has_exact_values EventFacts:FastEvent SnapshotFacts:FastSnapshot
Facts:JudgedBody event_facts:fast_event snapshot_facts:fast_snapshot version_given:has_version Refused:FieldError
StreamState:StreamInfo Scope:SubjectFilter any_between:intersects_open_interval Evidence:QuarantineEntry
Settled:QuarantineResult CONTENT_KINDS:KINDS RANGE_KINDS:KINDS HISTORY_KINDS:KINDS _NOTICES:KINDS
_BY_CIRCUMSTANCE:KINDS ACTORS_THAT_MAKE_A_TYPE:MIN_ACTORS_PER_TYPE take_ordinary:examine_expected
failed_on:record_failure _condemn:_quarantine_entry REMEMBERED_UNJUDGED:MAX_UNJUDGED_SEQS NO_ACTOR:NO_ACTOR_TEXT
STRETCH:SEGMENT_SIZE Stretch:Segment Tallies:Segments Tally:OutcomeCounts .tallies:.segments .stretches:.segments
forget_before:trim_before _take_out:_remove Trouble:Anomalies .troubles:.anomalies .shared_seq:.collision_seq
.resumed_at:.resumed_version .open_seq:.last_bad_seq Misplaced:OutOfOrderEvent .misplaced:.out_of_order
_misplacement:_classify_out_of_order MISPLACED:OUT_OF_ORDER_TEXT .noticed_seq:.detected_seq _follow:_mark_resumed
_share:_record_collision _stronger:_stronger_cause _unusual_event:_unexpected_event
Part.COMPLETED:CheckpointKind.COMPLETED Part.UNDERWAY:CheckpointKind.IN_PROGRESS .objection:.why_not_resume
.looks_the_same:.deletions_unchanged .was_changed:.has_new_deletions note_gone:set_deleted_after_read
walk_on:advance Walked:RangeAccount packed(:encode_checkpoint( unpacked(:decode_checkpoint( Aged:Trimmed
.doubtful:.to_reread count_again:replace_segment unbridged:count_actors_without_covering_snapshot
covers_incident:covers_time Circumstances:RangeFacts Hole:MissingVersions Bridge:RequiredSnapshot
is_spanned_by:is_met_by ActorJudgement:ActorAssessment judge_actor:assess_actor Replay(:Replayability(
Replay.:Replayability. _unread_end:_unreadable_after_last Standing(:FindingTable( take_ranges:add_ranges
take_short:add_unreadable_subjects take_incidents:add_incidents take_unlisted_loss:add_unlocated_loss
conclude:build_report Expectations:ReportSettings _learn:_learn_actor_types _labelled:_by_label
AuditReport:PassReport rfc3339:format_rfc3339 visible(:escape_unsafe Witness:LastStreamInfo .witness:.last_info
.looked_ns:.checked_ns .deletions_ns:.last_deletion_pass_ns .changed_ns:.invalid_before_ns Anchor:SampledDigest
Anchors:SampledDigests keep_between:within DURATIONS:DURATION_SETTINGS News:Baseline Told:KnownFindings
and_also:merged_with Chronicle:AuditHistory LastSnapshot.trouble:LastSnapshot.problem HOLES:KINDS TAIL:INCREMENTAL
AS_DUE:AUTO ANEW:BEGINNING PREFERRED:CANDIDATES SHORTEST_BETWEEN_FULL_PASSES_NS:MIN_INTERVAL_OF_DELETION_PASSES_NS
KEPT_IN_DETAIL:MIN_FINDINGS_LISTED most_findings:max_findings .settled:.quarantine .yields:.should_yield
MemoryKeeper:JetStreamStateStore MemoryStream:InMemorySource MemoryQuarantine:InMemoryQuarantine
CHRONICLE:HISTORY_PART Saves(:CheckpointWriter( put_off:postpone CHECKPOINT_NS:CHECKPOINT_INTERVAL_NS
Resumption:catch_up _judgeable:_retry_unjudged _not_found:_without_first_event
compare_numbers:check_stream_info compare_anchors:check_samples _lost_versions:_describe_lost_versions
reconcile:count_subjects count_anew:recount _holds_still:_is_stable compare_duplicates:resolve_duplicates
.trouble:.last_error .dial:.connect_once _on_refused:_on_permission_denied _sinks:_raw_handlers
ask_into:request_into on_arrival:on_messages _fresh:_copy_of connect_as:connect_with connect_beside:connect_like
_SharedLogin:SharedLogin in_words:explain_error without_secrets:redact_url BrokenProtocolError:ProtocolError
_heed:_handle_status InterruptedDeliveryError:ConsumerLostError FIRST_SILENCE:MIN_IDLE_SECONDS
LONGEST_SILENCE:MAX_IDLE_SECONDS _Patience:RetryDelay paced:rate_limited first_stored_since:first_seq_since
_meaning:_error_for count_on:count_messages LONG_TIMEOUT:SLOW_TIMEOUT Checkpoints(:PartStore( SavedPart:StoredPartInfo
StateOutrunError:StateConflictError OutrunError:SequenceConflictError StateUnusableError:StateFormatError
SideStreamError:QuarantineStreamError WalkCutShortError:WalkIncompleteError _patiently:_retry _landed:_on_done
ensure_side_stream:ensure_quarantine_stream stored_part:read_part stored_now:stored_seq was_stored:stored_seq Provenance:RecordOrigin
OwnStream:OwnedStream KEEPING:REQUIRED UNLIMITED:MUST_BE_UNLIMITED unfit_settings:unsuitable_settings Appended:Published _UnsettledError:_RetryableError
UNSETTLED:RETRYABLE_CODES in_doubt:outcome_unknown LatestVersions:VersionCache create_or_check:ensure_event_stream
_is_at:_is_stored_at own_permissions:granted_permissions _untried:first_round_done _look_now:refresh
_farewell:_shut_down GLANCE_SECONDS:CONNECTION_POLL_SECONDS WATCH_SECONDS:STREAM_INFO_SECONDS
FAREWELL_SECONDS:STOP_PASS_SECONDS CLOSING_SECONDS:CLOSE_SECONDS SHORTEST_ALLOWANCE_NS:MIN_GRACE_NS
SLOWEST_RATE:MIN_EXPECTED_RATE _allowed_ns:grace_ns .recalled:.restore .stream_seen:.set_stream_info
every_kind:all_kind_severities Auditor:App .side_stream:.quarantine
check_own_streams:ensure_own_streams new_pass:run_pass writes=:store= ActorView:ActorDetails
view_actor:inspect_actor Mark.GOOD:Status.OK Mark.BAD:Status.FAILED HORIZON:EXPIRY_HORIZON
plant_canary:create_canary examine_canary:audit_canary CURE:RECREATE_HINT Planted(:Damage( Story:ActorMessages
Outgoing:SeedMessage every_damage:all_damage print_proof:print_match .besides:.unexpected .missed:.missing
keep_writing:write_forever weave:interleave ordinary_stories:healthy_actors scan_once:scan_command
test_self:selftest_command make_streams:provision_command examine_all:doctor_command show_demo:demo_command
judged_subjects:all_subjects problems_together:cross_field_problems why=:reason=
""")

# Replaced names that are ordinary words or still have another use, so that a search cannot judge them:
# Audit, Where, Pass, Part, Position, Memory, History, Fact, About, Daemon, Control, Delivery, Answer, Content, Latest,
# Head, Need, Rules, Mark, Expected, Proof, Demo, Span, actor_type, covers, overlap, normalized, position, remember (of
# ActorTypes), receive, examined, at, note, damage, event, snapshot, content, details, ids, head, pending, patterns,
# subjects, gone, absent, lost, complete, certain, count, short, take, moved, begin_at, read_again, replace, cause, visible
# (in prose), moment, look, end, sample, forget, facts, cut, run, advance, last, pin, walk, put, open, accepted, pack, save,
# hold, begin, abandon, account, until, ask, asked, feed, next, wait, renew, step, archive, loses, append, remembered,
# AT_ONCE, differing_settings, after, why (except `why=`), tried, failure, unaudited, shown, reasoning, what, fix, story, causes, prove, fill, chosen,
# demo, say, plain, results, connected (except `connected(`).
WORDS = words(r"""
_?(?:MOST|LONGEST|SHORTEST|DEEPEST)_[A-Z]+ = MAX_… or MIN_…
_?FIRST_(?:PAUSE|RETRY)[A-Z_]* = MIN_…
pure[ _]rooms? = pure package
houses? = code base
doors? = package docstring
floors = layers
side[ _]streams? = quarantine stream
condemn(?:s|ed|ing)? = quarantine, quarantined message
evidence = quarantine entry
remember(?:s|ed|ing)? = keep, checkpoint, saved state
chronicles? = audit history
tails? = actor key
stretch(?:es)? = segment
troubles? = anomaly, last error
holes? = missing versions
bridg(?:e|es|ed|ing) = required snapshot, covered
spanned = covered
heads? of the stream = start of the stream
anchors? = sampled message
witness(?:es)? = last stream info
lookbacks? = identity check
look(?:s|ed|ing)?[ _](?:at|back|again) = check, read
standing = open
stands(?! for) = is open
settl(?:e|es|ed|ing) = flush, result
keepers? = state store
recall(?:s|ed|ing)? = load, check out
outr[ua]n = lost the race
told = reported
says? of (?:it|them)sel(?:f|ves) = reported, stream info
its own account = stream info
aging = retention
leaves at the head = expired or purged from the start
plant(?:s|ed|ing)? = seed
beside = separate, concurrent
(?<!["'.])(?:no|some|any)(?:body|[ _]?one) = the server, a user, the caller
who(?:m|so)?ever = the server, a user, the caller
from auditor\.app import connected = open_app
really forget it = delete it
accept this kind no longer = withdraw the acceptance of this kind
the stream is not what it was = stream changed since the last pass
["`]full pass yields["`] = full pass paused
not connected, trying on = not connected, retrying
""")

# Replaced words that are also right in another meaning: memory, head, look, hold, keep, tell, say, own, in words, take.


class Allowed(NamedTuple):
    """A text in which a replaced word is right."""

    path: str
    text: str
    reason: str


ALLOWED = (
    Allowed("auditor/canary/stream.py", "Planted by aether-auditor", "the description of canaries that exist"),
    Allowed("tests/canary/test_stream.py", "Planted by aether-auditor", "the description of canaries that exist"),
    Allowed("docs/architecture.md", ".chronicle.", "the subject of the audit history in the state stream"),
    Allowed("tests/acceptance/test_state.py", '"chronicle"', "the subject of the audit history in the state stream"),
    Allowed("auditor/cli/tables.py", '"planted", "actor"', "the title of a column of the output"),
    Allowed("auditor/cli/tables.py", "everything planted was found", "the output of the demo and the self-test"),
    Allowed("tests/acceptance/test_demo.py", "everything planted was found", "the output of the demo"),
    Allowed("tests/acceptance/test_selftest.py", "everything planted was found", "the output of the self-test"),
    Allowed("tests/deploy/test_image.py", "everything planted was found", "the output of the demo"),
    Allowed("auditor/core/history/baseline.py", '"told"', "a saved key"),
    Allowed("auditor/core/history/stream_identity.py", '"anchors"', "a saved key"),
    Allowed("auditor/core/history/stream_identity.py", '"witness"', "a saved key"),
    Allowed("auditor/jetstream/state/state_store.py", '"chronicle"', "the subject of the audit history"),
    Allowed("tests/core/state/test_acceptance.py", '"in_stretch"', "a saved key"),
    Allowed("tests/live/state/test_acceptances.py", '"in_stretch"', "a saved key"),
    Allowed("tests/jetstream/state/test_state_store.py", '{"told": {}}', "a saved key"),
    Allowed("CHANGELOG.md", "`full pass yields`", "the former text of a log line"),
    Allowed("CHANGELOG.md", "`the stream is not what it was`", "the former text of a log line"),
    Allowed("CHANGELOG.md", "`not connected, trying on`", "the former text of a log line"),
    Allowed("tests/test_glossary.py", "anchor(", "the anchor of a heading"),
)


def checked_files(root: Path) -> dict[str, str]:
    """Return the text of every file to check by its path, without the texts that are allowed."""
    paths = [
        path for place in PLACES for path in ([root / place] if (root / place).is_file() else (root / place).rglob("*"))
    ]
    files = {str(path.relative_to(root)): path for path in paths if path.suffix in SUFFIXES and path.is_file()}
    files.pop(str(Path(__file__).relative_to(ROOT)), None)
    texts = {name: path.read_text() for name, path in sorted(files.items())}
    for path, text, _ in ALLOWED:
        if path in texts:
            texts[path] = texts[path].replace(text, "")
    return texts


def uses(row: Row, files: dict[str, str]) -> list[str]:
    """Return every line that uses the old name or word, and what to write."""
    return [
        f"{path}:{number}: {line.strip()} (write: {row.new})"
        for path, text in files.items()
        if row.pattern.search(text)
        for number, line in enumerate(text.splitlines(), 1)
        if row.pattern.search(line)
    ]


FILES = checked_files(ROOT)


@pytest.mark.parametrize("row", [*NAMES, *WORDS], ids=lambda row: row.old)
def test_no_file_uses_a_name_or_word_that_was_replaced(row: Row) -> None:
    assert uses(row, FILES) == []


@pytest.mark.parametrize("row", NAMES, ids=lambda row: row.old)
def test_a_replaced_name_is_found(row: Row) -> None:
    old, code = row.old, f"x = y.{row.old.removeprefix('.')}"
    assert uses(row, {"x.py": code})
    assert not old[-1].isidentifier() or not uses(row, {"x.py": f"{code}_other"})


EXAMPLES = """
MOST_TYPES; FIRST_PAUSE_SECONDS; the pure rooms; whose house; each door; the floors; the side stream; a condemned message; its evidence
what is remembered; the chronicle; a tail; one stretch; no trouble; the hole; it bridges; spanned; the head of the stream
an anchor; the witness; the lookback; it looks at; a standing finding; it stands; settled; a keeper; recalled; outrun
is told; what it says of itself; by its own account; aging; what leaves at the head; planted; beside the walk; nobody; whoever
from auditor.app import connected; Really forget it. Accept this kind no longer. the stream is not what it was; `full pass yields`; not connected, trying on
"""


@pytest.mark.parametrize("row", WORDS, ids=lambda row: row.old)
def test_a_replaced_word_is_found(row: Row) -> None:
    assert uses(row, {"docs/x.md": EXAMPLES})


@pytest.mark.parametrize("place", PLACES)
def test_every_place_is_searched(place: str, tmp_path: Path) -> None:
    assert any(path == place or path.startswith(f"{place}/") for path in FILES)
    file = tmp_path / place if "." in place else tmp_path / place / "below" / "x.md"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("A condemned message.")
    row = next(row for row in WORDS if row.old.startswith("condemn"))
    assert len(uses(row, checked_files(tmp_path))) == 1


@pytest.mark.parametrize("allowed", ALLOWED, ids=lambda allowed: f"{allowed.path}: {allowed.text}")
def test_every_allowed_text_is_in_its_file_and_uses_a_replaced_word(allowed: Allowed) -> None:
    assert allowed.text in (ROOT / allowed.path).read_text()
    assert any(row.pattern.search(allowed.text) for row in [*NAMES, *WORDS])
