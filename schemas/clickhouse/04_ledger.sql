-- Which topic of a name is meant: a topic that was deleted and made anew begins at offset 0 again. Only the last
-- incarnation of a topic counts. A person begins a new one (chiso-ingest adopt); a worker begins the first.
CREATE TABLE IF NOT EXISTS incarnations
(
    topic        LowCardinality(String)            COMMENT 'Kafka topic',
    incarnation  UInt32                            COMMENT 'counted from 1',
    topic_id     String                            COMMENT 'id that Kafka gave the topic; empty if Kafka has none',
    since        DateTime64(3, 'UTC')              COMMENT 'when it was begun',
    because      String                            COMMENT 'why it was begun'
)
ENGINE = MergeTree
ORDER BY (topic, incarnation)
SETTINGS non_replicated_deduplication_window = 10000,
         fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1, min_compressed_bytes_to_fsync_after_merge = 1
COMMENT 'topics made anew under the same name';

-- Which offsets are stored. A range holds consumer positions [from_offset, next_offset), so gaps of transactions are inside.
-- Empty ranges note that the end was observed; of those at one position a merge keeps the newest. chiso-rollup joins old rows
-- that follow each other: it writes one row over them, made of what is there, and then removes them.
CREATE TABLE IF NOT EXISTS ledger
(
    topic         LowCardinality(String)  COMMENT 'Kafka topic',
    incarnation   UInt32                  COMMENT 'which topic of that name, see incarnations',
    partition     Int32                   COMMENT 'Kafka partition',
    from_offset   Int64                   COMMENT 'first position of the range',
    next_offset   Int64                   COMMENT 'position after the range; equal to from_offset if only the end was observed',
    batch         UUID                    COMMENT 'batch that stored the range; zero if there was nothing to store, and in joined rows',
    observed_end  Int64                   COMMENT 'end offset of the partition that the worker saw last',
    observed_at   DateTime64(3, 'UTC')    COMMENT 'a moment not later than when the worker saw it',
    group_id      LowCardinality(String)  COMMENT 'consumer group of the worker',
    lost_because  LowCardinality(String)  DEFAULT '' COMMENT 'empty if the range is stored; else it expired unread, and a person said why to go on',
    joined_by     UUID                    COMMENT 'compaction that made this row out of others; zero if a worker wrote it'
)
ENGINE = ReplacingMergeTree(observed_at)
ORDER BY (topic, incarnation, partition, from_offset, next_offset, batch, lost_because)
SETTINGS non_replicated_deduplication_window = 10000,
         fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1, min_compressed_bytes_to_fsync_after_merge = 1
COMMENT 'stored offset ranges by partition';
