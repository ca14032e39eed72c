-- Which offsets are stored. A range holds consumer positions [from_offset, next_offset), so gaps of transactions are inside.
CREATE TABLE IF NOT EXISTS ledger
(
    topic         LowCardinality(String)  COMMENT 'Kafka topic',
    partition     Int32                   COMMENT 'Kafka partition',
    from_offset   Int64                   COMMENT 'first position of the range',
    next_offset   Int64                   COMMENT 'position after the range; equal to from_offset if only the end was observed',
    batch         UUID                    COMMENT 'batch that stored the range; zero if only the end was observed',
    observed_end  Int64                   COMMENT 'end offset of the partition that the worker saw last',
    observed_at   DateTime64(3, 'UTC')    COMMENT 'a moment not later than when the worker saw it',
    group_id      LowCardinality(String)  COMMENT 'consumer group of the worker'
)
ENGINE = MergeTree
ORDER BY (topic, partition, from_offset, next_offset)
SETTINGS non_replicated_deduplication_window = 10000,
         fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1, min_compressed_bytes_to_fsync_after_merge = 1
COMMENT 'stored offset ranges by partition';
