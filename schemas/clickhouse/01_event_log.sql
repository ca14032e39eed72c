-- Every distinct accepted event, for ever: superseded ones and retractions too (contract section 2).
-- A replayed event is a copy with the same sort key; a merge keeps the copy that arrived first.
-- Granules are small: passes read the facts of single wards and days. Five-year partitions: 1900..2299 are 80 of them, so no insert can exceed the limit of 100 partitions.
CREATE TABLE IF NOT EXISTS event_log
(
    date         Date32                        COMMENT 'local day (UTC+07:00) that the number belongs to',
    indicator    LowCardinality(String)        COMMENT 'indicator code of the catalogue',
    ward         LowCardinality(String)        COMMENT 'ward code as valid on date',
    source       LowCardinality(String)        COMMENT 'CloudEvents source: the system that states the fact',
    record       String                        COMMENT 'identity of the fact within its source, through its corrections',
    version      UInt128                       COMMENT 'revision << 96 | time in ms since 1970 << 48 | tie; the greatest of a record in a cell is effective',
    id           String                        COMMENT 'CloudEvents id',
    time         DateTime64(3, 'UTC')          COMMENT 'when the source made the statement',
    revision     UInt32                        COMMENT 'revision of the record, 0 if none was given',
    value        Nullable(Decimal(38, 6))      COMMENT 'number of a flow or stock',
    numerator    Nullable(Decimal(38, 6))      COMMENT 'upper part of a ratio',
    denominator  Nullable(Decimal(38, 6))      COMMENT 'lower part of a ratio',
    percent      Nullable(Decimal(38, 6))      COMMENT 'percent of a ratio whose source knows no parts',
    retracted    Bool                          COMMENT 'true if the event withdraws the record',
    qualifier    Enum8('exact' = 0, 'approximately' = 1, 'more_than' = 2, 'at_least' = 3) COMMENT 'how exact the number is',
    dimensions   Map(String, String)           COMMENT 'breakdown of the fact, keys in byte order',
    topic        LowCardinality(String)        COMMENT 'Kafka topic of the first arrival',
    partition    Int32                         COMMENT 'Kafka partition of the first arrival',
    offset       Int64                         COMMENT 'Kafka offset of the first arrival',
    arrived      DateTime64(3, 'UTC')          COMMENT 'Kafka timestamp of the first arrival',
    batch        UUID                          COMMENT 'batch that stored it',
    generation   UInt32                        COMMENT 'generation of the reference data that accepted it',
    keep         UInt64                        COMMENT 'greater for earlier arrivals: of copies a merge keeps the first'
)
ENGINE = ReplacingMergeTree(keep)
PARTITION BY intDiv(toYear(date), 5)
ORDER BY (date, indicator, ward, source, record, version)
SETTINGS index_granularity = 512, non_replicated_deduplication_window = 10000,
         fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1, min_compressed_bytes_to_fsync_after_merge = 1
COMMENT 'every distinct accepted event; read it through the view events';
