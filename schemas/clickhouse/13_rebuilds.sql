-- How far rebuilds are: one that was stopped goes on where it was.
CREATE TABLE IF NOT EXISTS rebuilds
(
    scope       String                  COMMENT 'what is rebuilt: days, indicators and areas',
    begun_at    DateTime64(3, 'UTC')    COMMENT 'when it was begun',
    indicator   LowCardinality(String)  COMMENT 'indicator that is done; empty: the whole rebuild is',
    generation  UInt32                  COMMENT 'generation of the reference data it used',
    epoch       UInt32                  COMMENT 'epoch that it was done in',
    done_at     DateTime64(3, 'UTC')    DEFAULT now64(3) COMMENT 'when, by the clock of the server'
)
ENGINE = MergeTree
ORDER BY (scope, begun_at, indicator)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'progress of rebuilds';
