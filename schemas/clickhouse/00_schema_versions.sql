-- Which of the numbered files were applied. Programs refuse a version that they do not know.
CREATE TABLE IF NOT EXISTS schema_versions
(
    version     UInt32               COMMENT 'number of the file',
    file        String               COMMENT 'its name',
    digest      String               COMMENT 'SHA-256 of its text: an applied file never changes, a new one is added',
    applied_at  DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'when, by the clock of the server'
)
ENGINE = ReplacingMergeTree ORDER BY version
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'applied files of the schema';
