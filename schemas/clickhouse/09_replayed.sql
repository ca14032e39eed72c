-- Which refused messages were published again, so that asking twice does not publish twice. Written once Kafka has them.
CREATE TABLE IF NOT EXISTS replayed
(
    topic        LowCardinality(String)  COMMENT 'Kafka topic of the refused message',
    incarnation  UInt32                  COMMENT 'which topic of that name, see incarnations',
    partition    Int32                   COMMENT 'Kafka partition of the refused message',
    offset       Int64                   COMMENT 'Kafka offset of the refused message',
    replay       UUID                    COMMENT 'run of replay-rejected that published it',
    replayed_at  DateTime64(3, 'UTC')    DEFAULT now64(3) COMMENT 'when ClickHouse was told'
)
ENGINE = ReplacingMergeTree
ORDER BY (topic, incarnation, partition, offset)
SETTINGS non_replicated_deduplication_window = 10000,
         fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1, min_compressed_bytes_to_fsync_after_merge = 1
COMMENT 'refused messages that were published again';
