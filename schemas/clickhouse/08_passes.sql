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
COMMENT 'kept periods that passes have opened, with rows or without';

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

-- What a pass works on, dropped when it is done: the keys of the rows that changed cells touch, and the cells that these need.
CREATE TABLE IF NOT EXISTS touched_rows
(
    epoch      UInt32                  COMMENT 'epoch of the pass',
    indicator  LowCardinality(String)  COMMENT 'indicator code',
    calendar   LowCardinality(String)  COMMENT 'civil or legal',
    period     LowCardinality(String)  COMMENT 'period id',
    area       LowCardinality(String)  COMMENT 'unit id of the ward or area, VN for the country'
)
ENGINE = ReplacingMergeTree
PARTITION BY epoch
ORDER BY (indicator, calendar, period, area)
COMMENT 'rows that a pass recomputes';

CREATE TABLE IF NOT EXISTS step_members
(
    epoch      UInt32                  COMMENT 'epoch of the pass',
    step       UInt32                  COMMENT 'step of the pass',
    indicator  LowCardinality(String)  COMMENT 'indicator code',
    member     LowCardinality(String)  COMMENT 'ward unit whose facts count for a touched ward row',
    calendar   LowCardinality(String)  COMMENT 'civil or legal',
    period     LowCardinality(String)  COMMENT 'period id of the row',
    first      Date32                  COMMENT 'first day whose facts can count in the row',
    end        Date32                  COMMENT 'last day of the period'
)
ENGINE = MergeTree
PARTITION BY epoch
ORDER BY (step, indicator, member)
COMMENT 'whose facts a step of a pass needs';

CREATE TABLE IF NOT EXISTS step_needs
(
    epoch      UInt32                  COMMENT 'epoch of the pass',
    step       UInt32                  COMMENT 'step of the pass',
    indicator  LowCardinality(String)  COMMENT 'indicator code',
    ward       LowCardinality(String)  COMMENT 'ward code whose cells are needed',
    member     LowCardinality(String)  COMMENT 'ward unit that had the code from first to last',
    first      Date32                  COMMENT 'first day of which a cell can count',
    last       Date32                  COMMENT 'last one',
    is_last    Bool                    COMMENT 'true: of each series the last state is all that counts'
)
ENGINE = MergeTree
PARTITION BY epoch
ORDER BY (step, indicator, ward)
COMMENT 'which cells a step of a pass needs';

CREATE TABLE IF NOT EXISTS step_cells
(
    epoch         UInt32                  COMMENT 'epoch of the pass',
    step          UInt32                  COMMENT 'step of the pass',
    indicator     LowCardinality(String)  COMMENT 'indicator code',
    member        LowCardinality(String)  COMMENT 'ward unit that had the ward code of the cell on its day',
    date          Date32                  COMMENT 'local day',
    value         Decimal(38, 6)          COMMENT 'as in cells',
    numerator     Decimal(38, 6)          COMMENT 'as in cells',
    denominator   Decimal(38, 6)          COMMENT 'as in cells',
    records       UInt64                  COMMENT 'as in cells',
    qualified     Bool                    COMMENT 'as in cells',
    cell_sources  Array(LowCardinality(String)) COMMENT 'sources of the cell',
    states        Array(Tuple(source String, series String, value Decimal(38, 6), numerator Decimal(38, 6), denominator Decimal(38, 6),
                              version UInt128, qualified Bool)) COMMENT 'as in cells',
    percents      Array(Tuple(source String, percent Decimal(38, 6), version UInt128, qualified Bool)) COMMENT 'as in cells'
)
ENGINE = MergeTree
PARTITION BY epoch
ORDER BY step
COMMENT 'cells that a step of a pass needs, read once';

-- Rows are sorted by area, so what is stored of some indicators is looked up once and not by each step.
CREATE TABLE IF NOT EXISTS stored_rows
(
    epoch      UInt32                  COMMENT 'epoch',
    indicator  LowCardinality(String)  COMMENT 'indicator code',
    calendar   LowCardinality(String)  COMMENT 'civil or legal',
    period     LowCardinality(String)  COMMENT 'period id',
    level      Enum8('ward' = 1, 'district' = 2, 'province' = 3, 'country' = 4) COMMENT 'level of the area',
    within     LowCardinality(String)  COMMENT 'unit id of the area next above',
    area_id    LowCardinality(String)  COMMENT 'unit id of the area, VN for the country',
    digest     UInt64                  COMMENT 'hash of all columns of the row but its version'
)
ENGINE = MergeTree
PARTITION BY epoch
ORDER BY (indicator, calendar, period)
COMMENT 'rows of indicators that are computed as a whole, as they were before: those not computed again are gone, and equal ones stay';

-- Who leads and is alive: a scheduler that stands by takes over when the holder of the last epoch is silent.
CREATE TABLE IF NOT EXISTS beats
(
    epoch    UInt32               COMMENT 'epoch',
    beat_at  DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'when its holder was last alive, by the clock of the server',
    over     Bool                 COMMENT 'the holder has stopped'
)
ENGINE = ReplacingMergeTree(beat_at) ORDER BY epoch
COMMENT 'signs of life of the holders of epochs';

-- Who takes over cannot know whether a predecessor that is only paused will still retire these, so it does them again.
CREATE TABLE IF NOT EXISTS inherited
(
    epoch  UInt32  COMMENT 'epoch',
    batch  UUID    COMMENT 'batch that waited when it was claimed'
)
ENGINE = ReplacingMergeTree
PARTITION BY epoch
ORDER BY batch
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'batches of which only retirements of this epoch count';
