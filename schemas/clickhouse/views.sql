-- What analysts read (contract section 6). Made anew by every migrate. Views that accounts of wards and provinces read, too, read
-- the tables with the rights of whom ran migrate: the accounts have none there, so nothing leads around the filters of
-- deploy/clickhouse/accounts.sql.
CREATE OR REPLACE VIEW events
(
    date         Date32                        COMMENT 'local day (UTC+07:00) that the number belongs to',
    indicator    LowCardinality(String)        COMMENT 'indicator code',
    ward         LowCardinality(String)        COMMENT 'ward code as valid on date; codes are reused, see units',
    source       LowCardinality(String)        COMMENT 'system that states the fact',
    record       String                        COMMENT 'identity of the fact within its source',
    revision     UInt32                        COMMENT 'revision of the effective statement',
    time         DateTime64(3, 'UTC')          COMMENT 'when the source made it',
    id           String                        COMMENT 'CloudEvents id of it',
    value        Nullable(Decimal(38, 6))      COMMENT 'number of a flow or stock',
    numerator    Nullable(Decimal(38, 6))      COMMENT 'upper part of a ratio',
    denominator  Nullable(Decimal(38, 6))      COMMENT 'lower part of a ratio',
    percent      Nullable(Decimal(38, 6))      COMMENT 'percent of a ratio whose source knows no parts',
    qualifier    Enum8('exact' = 0, 'approximately' = 1, 'more_than' = 2, 'at_least' = 3) COMMENT 'how exact the number is',
    dimensions   Map(String, String)           COMMENT 'breakdown of the fact',
    arrived      DateTime64(3, 'UTC')          COMMENT 'Kafka timestamp of its first arrival'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT date, indicator, ward, source, record,
       statement.1 AS revision, statement.2 AS time, statement.3 AS id, statement.4 AS value, statement.5 AS numerator,
       statement.6 AS denominator, statement.7 AS percent, statement.8 AS qualifier, statement.9 AS dimensions, statement.10 AS arrived
FROM
(
    SELECT date, indicator, ward, source, record,
           argMax(tuple(revision, time, id, value, numerator, denominator, percent, qualifier, dimensions, arrived, retracted), tuple(version, keep)) AS statement
    FROM event_log
    GROUP BY date, indicator, ward, source, record
)
WHERE NOT statement.11
COMMENT 'effective, unretracted facts: one row a record and cell';

CREATE OR REPLACE VIEW rejected_events
(
    topic       LowCardinality(String)  COMMENT 'Kafka topic',
    incarnation UInt32                  COMMENT 'which topic of that name: one that was made anew has the next number',
    partition   Int32                   COMMENT 'Kafka partition',
    offset      Int64                   COMMENT 'Kafka offset',
    reason      LowCardinality(String)  COMMENT 'the first rule that the message breaks',
    detail      String                  COMMENT 'the field and the value, for a person',
    source      Nullable(String)        COMMENT 'CloudEvents source, where it could be read',
    id          Nullable(String)        COMMENT 'CloudEvents id, where it could be read',
    key         Nullable(String)        COMMENT 'message key, byte for byte',
    headers     Array(Tuple(name String, value Nullable(String))) COMMENT 'message headers in order, byte for byte',
    raw         Nullable(String)        COMMENT 'message value, byte for byte; null if there was none',
    arrived     DateTime64(3, 'UTC')    COMMENT 'Kafka timestamp of the message',
    generation  UInt32                  COMMENT 'generation of the reference data that refused it',
    replayed_at Nullable(DateTime64(3, 'UTC')) COMMENT 'when replay-rejected had published it again; null if it has not'
)
AS
SELECT topic, incarnation, partition, offset, reason, detail, source, id, key, headers, raw, arrived, generation, replayed_at
FROM rejected_log FINAL
LEFT JOIN (SELECT topic, incarnation, partition, offset, max(toNullable(replayed_at)) AS replayed_at FROM replayed GROUP BY topic, incarnation, partition, offset) AS replays
    USING (topic, incarnation, partition, offset)
COMMENT 'refused messages, whole: one row a topic, partition and offset';

CREATE OR REPLACE VIEW coverage
(
    topic         LowCardinality(String)  COMMENT 'Kafka topic',
    incarnation   UInt32                  COMMENT 'which topic of that name: the last one',
    partition     Int32                   COMMENT 'Kafka partition',
    first_offset  Int64                   COMMENT 'first position that is stored',
    stored_end    Int64                   COMMENT 'end of the contiguous part: where a worker goes on',
    last_end      Int64                   COMMENT 'end of the last stored range; equal to stored_end if there is no gap',
    gaps          Array(Tuple(from_offset Int64, next_offset Int64)) COMMENT 'ranges between stored ones',
    lost          Array(Tuple(from_offset Int64, next_offset Int64, because String)) COMMENT 'ranges that expired unread, with what a person said of them'
)
AS
SELECT topic, incarnation, partition, min(from_offset) AS first_offset, if(empty(gaps), last_end, gaps[1].1) AS stored_end,
       max(next_offset) AS last_end, arraySort(groupArrayIf((assumeNotNull(before), from_offset), from_offset > before)) AS gaps,
       arraySort(groupUniqArrayIf((from_offset, next_offset, toString(lost_because)), lost_because != '')) AS lost
FROM
(
    SELECT topic, incarnation, partition, from_offset, next_offset, lost_because,
           maxOrNull(next_offset) OVER (PARTITION BY topic, incarnation, partition ORDER BY from_offset, next_offset
                                        ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
    FROM ledger
    WHERE (topic, incarnation) IN (SELECT topic, max(incarnation) FROM incarnations GROUP BY topic)
)
GROUP BY topic, incarnation, partition
COMMENT 'which offsets are stored: one row a partition';

CREATE OR REPLACE VIEW rollups
(
    calendar            LowCardinality(String)     COMMENT 'civil or legal',
    period              LowCardinality(String)     COMMENT 'period id, for instance 2025-H2',
    period_start        Date32                     COMMENT 'first day of the period; 1900-01-01 if that is earlier',
    period_end          Date32                     COMMENT 'last day of the period',
    level               Enum8('ward' = 1, 'district' = 2, 'province' = 3, 'country' = 4) COMMENT 'level of the area',
    area_code           LowCardinality(String)     COMMENT 'code of the area, valid on period_end',
    area_id             LowCardinality(String)     COMMENT 'unit id of the area, VN for the country',
    area_name           LowCardinality(String)     COMMENT 'name of the area on period_end',
    indicator           LowCardinality(String)     COMMENT 'indicator code',
    kind                LowCardinality(String)     COMMENT 'flow, flow_ratio, stock or stock_ratio',
    value               Nullable(Decimal(38, 6))   COMMENT 'number of a flow or stock',
    numerator           Nullable(Decimal(38, 6))   COMMENT 'upper part of a ratio',
    denominator         Nullable(Decimal(38, 6))   COMMENT 'lower part of a ratio',
    percent             Nullable(Decimal(76, 2))   COMMENT '100 * numerator / denominator, half up; never 100 or 0 by rounding; null if the denominator is 0',
    stated_percent      Nullable(Decimal(38, 6))   COMMENT 'ward only: percent stated by a source that knows no parts',
    as_of               Nullable(Date32)           COMMENT 'greatest date of a counted fact',
    carried             Bool                       COMMENT 'a counted state is older than the period',
    approximate         Bool                       COMMENT 'a counted fact came through a divided predecessor',
    qualified           Bool                       COMMENT 'a counted fact has a qualifier other than exact',
    records             UInt64                     COMMENT 'effective records counted',
    sources             UInt64                     COMMENT 'distinct sources counted',
    wards_reporting     UInt32                     COMMENT 'wards of the area with a number',
    wards_percent_only  UInt32                     COMMENT 'wards of the area with a stated percent only',
    wards_expected      UInt32                     COMMENT 'wards of the area valid on period_end',
    target              Nullable(Decimal(38, 6))   COMMENT 'number of the target that applies',
    status              Enum8('' = 0, 'met' = 1, 'not_met' = 2) COMMENT 'met or not_met; empty if there is no target or nothing to compare',
    complete_through    Nullable(DateTime64(3, 'UTC')) COMMENT 'every message that lay in Kafka at that moment is in this row, refused, or a repeat'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT calendar, period, period_start, period_end, level, area_code, area_id, area_name, indicator, kind, value, numerator, denominator,
       percent, stated_percent, as_of, carried, approximate, qualified, records, length(source_set) AS sources, wards_reporting,
       wards_percent_only, wards_expected, target, status, (SELECT max(complete_through) FROM passes) AS complete_through
FROM rollup_rows FINAL
WHERE NOT gone
COMMENT 'figures of kept periods: one row a calendar, period, level, area and indicator';

CREATE OR REPLACE VIEW report_versions
(
    calendar          LowCardinality(String)         COMMENT 'civil or legal',
    period            LowCardinality(String)         COMMENT 'period id',
    period_end        Date32                         COMMENT 'last day of the period',
    level             LowCardinality(String)         COMMENT 'level of the area',
    area_id           LowCardinality(String)         COMMENT 'unit id of the area, VN for the country',
    version           UInt32                         COMMENT '1 for the close, then one more for each restatement',
    replaces          UInt32                         COMMENT 'the version before it, 0 for the first',
    state             LowCardinality(String)         COMMENT 'closed for the first version, restated for later ones',
    latest            Bool                           COMMENT 'no later version has replaced it',
    closed_at         DateTime64(3, 'UTC')           COMMENT 'when, by the clock of the server',
    closed_by         LowCardinality(String)         COMMENT 'scheduler, or the account of whoever gave the command',
    because           LowCardinality(String)         COMMENT 'schedule, command or restatement',
    incomplete        Bool                           COMMENT 'forced before the data had reached the moment that the report waits for',
    due_at            Nullable(DateTime64(3, 'UTC')) COMMENT 'when the schedule wanted it; null if it was not scheduled',
    complete_through  Nullable(DateTime64(3, 'UTC')) COMMENT 'every message that lay in Kafka at that moment is in it; null if a partition was never read',
    generation        UInt32                         COMMENT 'generation of the reference data',
    rows              UInt64                         COMMENT 'rows of the version; 0 if the area had none',
    sha256            String                         COMMENT 'SHA-256 in hex of what report show --format csv prints of it',
    stage             UUID                           COMMENT 'close that staged its rows'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT calendar, period, period_end, level, area_id, version, version - 1 AS replaces, if(version = 1, 'closed', 'restated') AS state,
       toBool(version = max(version) OVER (PARTITION BY calendar, period, area_id)) AS latest, closed_at, closed_by, because, incomplete, due_at,
       complete_through, generation, rows, sha256, stage
FROM
(
    SELECT *, _block_number AS place FROM report_claims
    -- The first that ClickHouse took: it was seen, so no later one may replace it.
    ORDER BY place LIMIT 1 BY calendar, period, area_id, version
)
COMMENT 'versions of closed reports: one row a calendar, period, area and version';

CREATE OR REPLACE VIEW reports
(
    calendar            LowCardinality(String)     COMMENT 'civil or legal',
    period              LowCardinality(String)     COMMENT 'period id, for instance 2025-H2',
    period_start        Date32                     COMMENT 'first day of the period; 1900-01-01 if that is earlier',
    period_end          Date32                     COMMENT 'last day of the period',
    level               Enum8('ward' = 1, 'district' = 2, 'province' = 3, 'country' = 4) COMMENT 'level of the area',
    area_code           LowCardinality(String)     COMMENT 'code of the area, valid on period_end',
    area_id             LowCardinality(String)     COMMENT 'unit id of the area, VN for the country',
    area_name           LowCardinality(String)     COMMENT 'name of the area on period_end',
    indicator           LowCardinality(String)     COMMENT 'indicator code',
    kind                LowCardinality(String)     COMMENT 'flow, flow_ratio, stock or stock_ratio',
    value               Nullable(Decimal(38, 6))   COMMENT 'number of a flow or stock',
    numerator           Nullable(Decimal(38, 6))   COMMENT 'upper part of a ratio',
    denominator         Nullable(Decimal(38, 6))   COMMENT 'lower part of a ratio',
    percent             Nullable(Decimal(76, 2))   COMMENT '100 * numerator / denominator, half up; never 100 or 0 by rounding; null if the denominator is 0',
    stated_percent      Nullable(Decimal(38, 6))   COMMENT 'ward only: percent stated by a source that knows no parts',
    as_of               Nullable(Date32)           COMMENT 'greatest date of a counted fact',
    carried             Bool                       COMMENT 'a counted state is older than the period',
    approximate         Bool                       COMMENT 'a counted fact came through a divided predecessor',
    qualified           Bool                       COMMENT 'a counted fact has a qualifier other than exact',
    records             UInt64                     COMMENT 'effective records counted',
    sources             UInt64                     COMMENT 'distinct sources counted',
    wards_reporting     UInt32                     COMMENT 'wards of the area with a number',
    wards_percent_only  UInt32                     COMMENT 'wards of the area with a stated percent only',
    wards_expected      UInt32                     COMMENT 'wards of the area valid on period_end',
    target              Nullable(Decimal(38, 6))   COMMENT 'number of the target that applies',
    status              Enum8('' = 0, 'met' = 1, 'not_met' = 2) COMMENT 'met or not_met; empty if there is no target or nothing to compare',
    version             UInt32                     COMMENT 'version of the report of this area: 1 for the close, then one more for each restatement',
    state               LowCardinality(String)     COMMENT 'closed for the first version, restated for later ones; what is open has no row here',
    latest              Bool                       COMMENT 'no later version has replaced it',
    closed_at           DateTime64(3, 'UTC')       COMMENT 'when the version was frozen',
    closed_by           LowCardinality(String)     COMMENT 'scheduler, or the account of whoever gave the command',
    because             LowCardinality(String)     COMMENT 'schedule, command or restatement',
    incomplete          Bool                       COMMENT 'forced before the data had reached the moment that the report waits for',
    complete_through    Nullable(DateTime64(3, 'UTC')) COMMENT 'every message that lay in Kafka at that moment is in this row, refused, or a repeat',
    generation          UInt32                     COMMENT 'generation of the reference data',
    sha256              String                     COMMENT 'SHA-256 in hex of what report show --format csv prints of the version'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT report_rows.calendar AS calendar, report_rows.period AS period, period_start, report_rows.period_end AS period_end, report_rows.level AS level,
       area_code, report_rows.area_id AS area_id, area_name, indicator, kind, value, numerator, denominator, percent, stated_percent, as_of, carried,
       approximate, qualified, records, length(source_set) AS sources, wards_reporting, wards_percent_only, wards_expected, target, status,
       versions.version AS version, versions.state AS state, versions.latest AS latest, versions.closed_at AS closed_at,
       versions.closed_by AS closed_by, versions.because AS because, versions.incomplete AS incomplete,
       versions.complete_through AS complete_through, versions.generation AS generation, versions.sha256 AS sha256
FROM report_rows
INNER JOIN report_versions AS versions
    ON report_rows.calendar = versions.calendar AND report_rows.period = versions.period AND report_rows.area_id = versions.area_id
    AND report_rows.stage = versions.stage
COMMENT 'closed reports: one row a version, calendar, period, level, area and indicator';

CREATE OR REPLACE VIEW indicators
(
    code                 LowCardinality(String)  COMMENT 'indicator code',
    tier                 LowCardinality(String)  COMMENT 'core or extended',
    name_vi              String                  COMMENT 'Vietnamese name',
    name_en              String                  COMMENT 'English name',
    pillar               LowCardinality(String)  COMMENT 'pillar of digital transformation, in Vietnamese',
    kind                 LowCardinality(String)  COMMENT 'flow, flow_ratio, stock or stock_ratio',
    numerator_meaning    String                  COMMENT 'what the value or numerator counts, in Vietnamese',
    denominator_meaning  String                  COMMENT 'what the denominator counts, in Vietnamese',
    unit                 LowCardinality(String)  COMMENT 'unit of the number, in Vietnamese',
    direction            LowCardinality(String)  COMMENT 'which direction is better: higher, lower, neutral',
    carry_days           UInt32                  COMMENT 'days for which a state is carried forward',
    may_exceed           Bool                    COMMENT 'whether a ratio may exceed 100 percent',
    dimensions           String                  COMMENT 'JSON object: allowed keys, each with * or the list of its values'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT code, tier, name_vi, name_en, pillar, kind, numerator_meaning, denominator_meaning, unit, direction, carry_days, may_exceed, dimensions
FROM reference_indicators FINAL WHERE generation = (SELECT max(generation) FROM generations)
COMMENT 'indicator catalogue';

CREATE OR REPLACE VIEW units
(
    unit_id         String                  COMMENT 'level letter, code, @, valid_from',
    code            LowCardinality(String)  COMMENT 'code of the unit; codes are reused, the id is not',
    level           LowCardinality(String)  COMMENT 'ward, district or province',
    name            String                  COMMENT 'newest name',
    type            LowCardinality(String)  COMMENT 'newest type, in Vietnamese',
    parent_unit_id  String                  COMMENT 'unit above it, empty for a province',
    valid_from      Date32                  COMMENT 'first day; 1900-01-01 = since before this data set',
    valid_to        Date32                  COMMENT 'last day; 2299-12-31 = still valid'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT unit_id, code, level, name, type, parent_unit_id, valid_from, valid_to
FROM reference_units FINAL WHERE generation = (SELECT max(generation) FROM generations)
COMMENT 'administrative units, each in one interval of validity';

CREATE OR REPLACE VIEW lineage
(
    old_unit_id     String                  COMMENT 'unit that ended',
    new_unit_id     String                  COMMENT 'unit that it went into',
    relation        LowCardinality(String)  COMMENT 'whole, part-default or part',
    effective_from  Date32                  COMMENT 'first day of the new unit'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT old_unit_id, new_unit_id, relation, effective_from
FROM reference_lineage FINAL WHERE generation = (SELECT max(generation) FROM generations)
COMMENT 'mergers and divisions';

CREATE OR REPLACE VIEW sources
(
    source      String         COMMENT 'CloudEvents source',
    name        String         COMMENT 'Vietnamese name of the system',
    priority    UInt32         COMMENT 'the smallest that has a state is authoritative',
    indicators  Array(String)  COMMENT 'indicators it may state; * = all',
    wards       Array(String)  COMMENT 'unit subtrees it may speak for; * = all',
    topics      Array(String)  COMMENT 'topics it may arrive by; * = all'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT source, name, priority, indicators, wards, topics
FROM reference_sources FINAL WHERE generation = (SELECT max(generation) FROM generations)
COMMENT 'source registry';

CREATE OR REPLACE VIEW targets
(
    indicator   LowCardinality(String)  COMMENT 'indicator code',
    calendar    LowCardinality(String)  COMMENT 'civil or legal',
    period      LowCardinality(String)  COMMENT 'period id, period type or *',
    area_id     String                  COMMENT 'unit id or VN',
    scope       LowCardinality(String)  COMMENT 'self = the row of the area, wards = every ward below it',
    comparison  LowCardinality(String)  COMMENT '>=, <= or =',
    number      Decimal(38, 6)          COMMENT 'number compared with'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT indicator, calendar, period, area_id, scope, comparison, number
FROM reference_targets FINAL WHERE generation = (SELECT max(generation) FROM generations)
COMMENT 'target registry';

CREATE OR REPLACE VIEW findings
(
    kind        LowCardinality(String)         COMMENT 'source_conflict, series_conflict, id_reused, record_moved, percent_mismatch, missing_report, jump, offset_gap or late_close',
    subject     String                         COMMENT 'what it is about: indicator, unit, source, record, partition',
    period      String                         COMMENT 'period or day that it is about; empty if it is about none',
    detail      String                         COMMENT 'what was found, with the numbers',
    first_seen  DateTime64(3, 'UTC')           COMMENT 'when it was found first',
    last_seen   DateTime64(3, 'UTC')           COMMENT 'when it was found last; it is looked for again when something about it changes, and every night',
    state       Enum8('open' = 1, 'settled' = 2) COMMENT 'open while it is found, settled when its cause is gone',
    settled_at  Nullable(DateTime64(3, 'UTC')) COMMENT 'when its cause was gone; null while it is open',
    ward        LowCardinality(String)         COMMENT 'ward code that it is about, as valid on day; empty if it is about no single one',
    day         Date32                         COMMENT 'day that it is about, a period by its last; 1900-01-01 if it is about none'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT kind, subject, period, detail, first_seen, last_seen, if(settled_at IS NULL, 'open', 'settled') AS state, settled_at, ward, day
FROM finding_log FINAL
COMMENT 'what people should look at: one row a finding';

CREATE OR REPLACE VIEW account_reach
(
    account     String                  COMMENT 'ClickHouse user',
    area_id     LowCardinality(String)  COMMENT 'unit whose rows it may see',
    code        LowCardinality(String)  COMMENT 'code of the unit',
    level       LowCardinality(String)  COMMENT 'ward, district or province',
    valid_from  Date32                  COMMENT 'first day of the unit',
    valid_to    Date32                  COMMENT 'last day of the unit'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT DISTINCT bound.account AS account, reach.member AS area_id, members.code AS code, members.level AS level, members.valid_from AS valid_from,
       members.valid_to AS valid_to
FROM (SELECT unit_id, member FROM reference_reach WHERE generation = (SELECT max(generation) FROM generations)) AS reach
INNER JOIN account_units AS bound ON reach.unit_id = bound.unit_id
INNER JOIN (SELECT unit_id, code, level, valid_from, valid_to FROM reference_units WHERE generation = (SELECT max(generation) FROM generations)) AS members
    ON reach.member = members.unit_id
COMMENT 'units whose rows an account may see';

-- Facts hold ward codes, which are used again. Most codes are an account's on every day; of others their whole years, and the
-- days of years that are not whole.
CREATE OR REPLACE VIEW account_days
(
    account  String                  COMMENT 'ClickHouse user',
    ward     LowCardinality(String)  COMMENT 'ward code whose facts it may see',
    span     LowCardinality(String)  COMMENT 'always; or year: all days of year; or day: that day',
    year     UInt16                  COMMENT 'year, if span is year',
    day      Date32                  COMMENT 'day, if span is day'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
WITH owned AS
(
    SELECT account, code, valid_from, valid_to, bearers.units = count() OVER (PARTITION BY account, code) AS is_whole
    FROM account_reach
    INNER JOIN
    (
        SELECT code, uniqExact(unit_id) AS units FROM reference_units
        WHERE generation = (SELECT max(generation) FROM generations) AND level = 'ward' GROUP BY code
    ) AS bearers USING (code)
    WHERE level = 'ward'
)
SELECT DISTINCT account, code AS ward, 'always' AS span, toUInt16(0) AS year, toDate32('1900-01-01') AS day FROM owned WHERE is_whole
UNION ALL
SELECT account, code, 'year', toUInt16(arrayJoin(range(toYear(valid_from), toYear(valid_to) + 1)) AS whole_year), toDate32('1900-01-01') FROM owned
WHERE NOT is_whole AND valid_from <= makeDate32(whole_year, 1, 1) AND makeDate32(whole_year, 12, 31) <= valid_to
UNION ALL
SELECT account, code, 'day', toUInt16(0), arrayJoin(arrayDistinct(arrayConcat(
           arrayMap(n -> addDays(valid_from, n), range(toUInt32(dateDiff('day', valid_from, least(valid_to, makeDate32(toYear(valid_from), 12, 31)))) + 1)),
           arrayMap(n -> addDays(valid_to, -n), range(toUInt32(dateDiff('day', greatest(valid_from, makeDate32(toYear(valid_to), 1, 1)), valid_to)) + 1))))) AS one_day
FROM owned
WHERE NOT is_whole AND (valid_from > makeDate32(toYear(one_day), 1, 1) OR makeDate32(toYear(one_day), 12, 31) > valid_to)
COMMENT 'ward codes and days whose facts an account may see';
