-- Leadership: an epoch is claimed by inserting its row under a deduplication token; ClickHouse keeps one.
CREATE TABLE IF NOT EXISTS claims
(
    epoch       UInt32               COMMENT 'number of the epoch',
    holder      String               COMMENT 'process that claimed it',
    claimed_at  DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'when, by the clock of the server'
)
ENGINE = MergeTree ORDER BY epoch
SETTINGS non_replicated_deduplication_window = 100000, fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'who may write rollups in which epoch';

CREATE TABLE IF NOT EXISTS opened
(
    calendar  LowCardinality(String)  COMMENT 'civil or legal',
    period    LowCardinality(String)  COMMENT 'period id',
    epoch     UInt32                  COMMENT 'epoch of the pass that first rolled it up'
)
ENGINE = ReplacingMergeTree ORDER BY (calendar, period)
COMMENT 'kept periods that have rows';

CREATE TABLE IF NOT EXISTS passes
(
    epoch             UInt32                         COMMENT 'epoch that the pass worked in',
    generation        UInt32                         COMMENT 'generation of the reference data it used',
    today             Date32                         COMMENT 'local day of the run',
    started_at        DateTime64(3, 'UTC')           COMMENT 'when it began',
    finished_at       DateTime64(3, 'UTC')           COMMENT 'when it ended',
    batches           UInt64                         COMMENT 'batches it retired',
    cells             UInt64                         COMMENT 'cells it recomputed',
    rows              UInt64                         COMMENT 'rollup rows it wrote, gone ones included',
    complete_through  Nullable(DateTime64(3, 'UTC')) COMMENT 'every message in Kafka at that moment is rolled up, refused or a repeat; null while a partition is unread'
)
ENGINE = MergeTree ORDER BY epoch
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'finished passes';
