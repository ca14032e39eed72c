-- Every refused message, whole; one row per (topic, incarnation, partition, offset) (contract section 1, Refusal).
CREATE TABLE IF NOT EXISTS rejected_log
(
    topic       LowCardinality(String)                      COMMENT 'Kafka topic',
    incarnation UInt32                                      COMMENT 'which topic of that name, see incarnations',
    partition   Int32                                       COMMENT 'Kafka partition',
    offset      Int64                                       COMMENT 'Kafka offset',
    reason      LowCardinality(String)                      COMMENT 'reason code of the contract: the first rule that the message breaks',
    detail      String                                      COMMENT 'the field and the value, for a person',
    source      Nullable(String)                            COMMENT 'CloudEvents source, where it could be read',
    id          Nullable(String)                            COMMENT 'CloudEvents id, where it could be read',
    key         Nullable(String)                            COMMENT 'message key, byte for byte',
    headers     Array(Tuple(name String, value Nullable(String))) COMMENT 'message headers in order, byte for byte',
    raw         Nullable(String)                            COMMENT 'message value, byte for byte; null if there was none',
    arrived     DateTime64(3, 'UTC')                        COMMENT 'Kafka timestamp of the message',
    batch       UUID                                        COMMENT 'batch that stored it',
    generation  UInt32                                      COMMENT 'generation of the reference data that refused it',
    stored_at   DateTime('UTC') DEFAULT now()               COMMENT 'when ClickHouse stored it; retention counts from here'
)
ENGINE = ReplacingMergeTree
ORDER BY (topic, incarnation, partition, offset)
SETTINGS index_granularity = 256, non_replicated_deduplication_window = 10000,
         fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1, min_compressed_bytes_to_fsync_after_merge = 1
COMMENT 'every refused message; read it through the view rejected_events';
