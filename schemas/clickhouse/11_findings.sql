-- What people should look at, one row a finding: opened when it is found, settled when it is no longer found (contract section 8).
-- judged orders two judgements of the same thing: it is when a judgement began to read, so what a paused scheduler
-- has found before its pause never replaces what was found since.
CREATE TABLE IF NOT EXISTS finding_log
(
    kind        LowCardinality(String)           COMMENT 'what kind of finding',
    indicator   LowCardinality(String)           COMMENT 'indicator code that it is about; empty if it is about no single one',
    ward        LowCardinality(String)           COMMENT 'ward code that it is about, as valid on day; empty if it is about no single one',
    day         Date32                           COMMENT 'day that it is about, a period by its last; 1900-01-01 if it is about none',
    subject     String                           COMMENT 'what it is about, in words that stay the same',
    period      String                           COMMENT 'period or day that it is about, empty if it is about none',
    detail      String                           COMMENT 'what was found, for a person',
    first_seen  DateTime64(3, 'UTC')             COMMENT 'when it was found first',
    last_seen   DateTime64(3, 'UTC')             COMMENT 'when it was found last',
    settled_at  Nullable(DateTime64(3, 'UTC'))   COMMENT 'when it was no longer found; null while it is open',
    judged      UInt64                           COMMENT 'microseconds since 1970, by the clock of the server, when the judgement began'
)
ENGINE = ReplacingMergeTree(judged)
ORDER BY (kind, indicator, ward, day, subject, period)
SETTINGS index_granularity = 512, fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'findings, open and settled; read them through the view findings';

-- Retired batches whose cells were looked through for findings.
CREATE TABLE IF NOT EXISTS examined
(
    batch        UUID                 COMMENT 'batch whose cells were looked through',
    examined_at  DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'when, by the clock of the server'
)
ENGINE = ReplacingMergeTree
ORDER BY batch
TTL toDateTime(examined_at) + INTERVAL 400 DAY
COMMENT 'batches that need no more looking through';

-- When everything was judged anew, whatever had changed.
CREATE TABLE IF NOT EXISTS judgements
(
    generation   UInt32               COMMENT 'generation of the reference data that it was judged by',
    today        Date32               COMMENT 'local day of the judgement',
    finished_at  DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'when it ended, by the clock of the server'
)
ENGINE = MergeTree
ORDER BY finished_at
TTL toDateTime(finished_at) + INTERVAL 400 DAY
COMMENT 'judgements of everything';

-- Audits of samples that schedulers have made.
CREATE TABLE IF NOT EXISTS audits
(
    today        Date32               COMMENT 'local day of the audit',
    seed         UInt64               COMMENT 'seed of its sample, to repeat it',
    rows         UInt64               COMMENT 'rollup rows compared',
    cells        UInt64               COMMENT 'cells compared',
    differences  UInt64               COMMENT 'differences found: must be 0',
    in_flight    UInt64               COMMENT 'differences of rows and cells with work waiting: no errors',
    finished_at  DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'when it ended, by the clock of the server'
)
ENGINE = MergeTree
ORDER BY finished_at
COMMENT 'audits of samples';
