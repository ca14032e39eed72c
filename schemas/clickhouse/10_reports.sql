-- Reports (contract section 8): frozen copies of rollup rows. A close stages rows under an id of its own, then claims versions
-- for that id. Rows of a stage that claimed nothing are swept away; those of a version are never changed or removed.
CREATE TABLE IF NOT EXISTS report_rows
(
    stage               UUID                       COMMENT 'close that staged the row; it counts once report_claims has the stage',
    staged_at           DateTime64(3, 'UTC')       DEFAULT now64(3) COMMENT 'when, by the clock of the server',
    calendar            LowCardinality(String)     COMMENT 'civil or legal',
    period              LowCardinality(String)     COMMENT 'period id',
    period_start        Date32                     COMMENT 'first day of the period',
    period_end          Date32                     COMMENT 'last day of the period',
    level               Enum8('ward' = 1, 'district' = 2, 'province' = 3, 'country' = 4) COMMENT 'level of the area',
    area_code           LowCardinality(String)     COMMENT 'code of the area, valid on period_end',
    area_id             LowCardinality(String)     COMMENT 'unit id of the area, VN for the country',
    area_name           LowCardinality(String)     COMMENT 'name of the area on period_end',
    indicator           LowCardinality(String)     COMMENT 'indicator code',
    kind                LowCardinality(String)     COMMENT 'flow, flow_ratio, stock or stock_ratio',
    value               Nullable(Decimal(38, 6))   COMMENT 'number of a flow or stock',
    numerator           Nullable(Decimal(38, 6))   COMMENT 'upper part of a ratio',
    denominator         Nullable(Decimal(38, 6))   COMMENT 'lower part of a ratio',
    percent             Nullable(Decimal(76, 2))   COMMENT '100 * numerator / denominator, half up; never 100 or 0 by rounding; null if the denominator is 0',
    stated_percent      Nullable(Decimal(38, 6))   COMMENT 'ward only: percent stated by a source that knows no parts',
    as_of               Nullable(Date32)           COMMENT 'greatest date of a counted fact',
    carried             Bool                       COMMENT 'a counted state is older than the period',
    approximate         Bool                       COMMENT 'a counted fact came through a divided predecessor',
    qualified           Bool                       COMMENT 'a counted fact has a qualifier other than exact',
    records             UInt64                     COMMENT 'effective records counted',
    source_set          Array(LowCardinality(String)) COMMENT 'distinct sources counted',
    wards_reporting     UInt32                     COMMENT 'wards of the area with a number',
    wards_percent_only  UInt32                     COMMENT 'wards of the area with a stated percent only',
    wards_expected      UInt32                     COMMENT 'wards of the area valid on period_end',
    target              Nullable(Decimal(38, 6))   COMMENT 'number of the target that applied',
    status              Enum8('' = 0, 'met' = 1, 'not_met' = 2) COMMENT 'met or not_met; empty if there was no target or nothing to compare'
)
ENGINE = MergeTree
ORDER BY (calendar, period, area_id, stage, indicator)
SETTINGS index_granularity = 2048, non_replicated_deduplication_window = 10000,
         fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1, min_compressed_bytes_to_fsync_after_merge = 1
COMMENT 'rows of closed reports; read them through the view reports';

-- Which stage is which version of the report of an area. Of claims of one version the first that ClickHouse took counts, by the
-- number that it gave its block: no token that is forgotten and no clock decides. The others are removed, since a restored copy
-- numbers its blocks anew.
CREATE TABLE IF NOT EXISTS report_claims
(
    calendar          LowCardinality(String)         COMMENT 'civil or legal',
    period            LowCardinality(String)         COMMENT 'period id',
    period_end        Date32                         COMMENT 'last day of the period',
    level             LowCardinality(String)         COMMENT 'level of the area',
    area_id           LowCardinality(String)         COMMENT 'unit id of the area, VN for the country',
    version           UInt32                         COMMENT '1 for the close, then one more for each restatement',
    stage             UUID                           COMMENT 'its rows in report_rows',
    closed_at         DateTime64(3, 'UTC')           DEFAULT now64(3) COMMENT 'when, by the clock of the server',
    closed_by         LowCardinality(String)         COMMENT 'scheduler, or the account of whoever gave the command',
    because           LowCardinality(String)         COMMENT 'schedule, command or restatement',
    incomplete        Bool                           COMMENT 'forced before the data had reached the moment that the report waits for',
    due_at            Nullable(DateTime64(3, 'UTC')) COMMENT 'when the schedule wanted it; null if it was not scheduled',
    complete_through  Nullable(DateTime64(3, 'UTC')) COMMENT 'every message that lay in Kafka at that moment is in it; null if a partition was never read',
    generation        UInt32                         COMMENT 'generation of the reference data',
    rows              UInt64                         COMMENT 'rows of the version; 0 if the area had none',
    sha256            String                         COMMENT 'SHA-256 in hex of what report show --format csv prints of it'
)
ENGINE = MergeTree
ORDER BY (calendar, period, area_id, version)
SETTINGS non_replicated_deduplication_window = 10000, enable_block_number_column = 1, enable_block_offset_column = 1,
         fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1, min_compressed_bytes_to_fsync_after_merge = 1
COMMENT 'claims of report versions; read them through the view report_versions';
