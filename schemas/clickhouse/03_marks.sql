-- Which cells a stored batch touched: the work list of the rollup. Written after the events and before the offset.
CREATE TABLE IF NOT EXISTS marks
(
    batch      UUID                    COMMENT 'batch whose events are stored',
    marked_at  DateTime64(3, 'UTC')    COMMENT 'when the worker sealed the batch',
    indicator  LowCardinality(String)  COMMENT 'indicator code of a touched cell',
    ward       LowCardinality(String)  COMMENT 'ward code of a touched cell',
    date       Date32                  COMMENT 'day of a touched cell',
    -- What waits is found without reading the cells.
    PROJECTION batches (SELECT batch, min(marked_at), count() GROUP BY batch)
)
ENGINE = MergeTree
PARTITION BY toDate(marked_at)
ORDER BY (batch, date, indicator, ward)
SETTINGS non_replicated_deduplication_window = 10000,
         fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1, min_compressed_bytes_to_fsync_after_merge = 1
COMMENT 'cells touched by stored batches';

-- Batches whose cells a pass has rolled up.
CREATE TABLE IF NOT EXISTS retired
(
    batch  UUID    COMMENT 'batch whose cells are rolled up',
    epoch  UInt32  COMMENT 'epoch of the pass that did it',
    retired_at  DateTime('UTC') DEFAULT now()  COMMENT 'when ClickHouse was told; retention counts from here'
)
ENGINE = ReplacingMergeTree(epoch)
ORDER BY batch
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'batches that need no more work';
