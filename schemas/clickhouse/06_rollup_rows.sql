-- What the rows of wards in kept periods add to the areas above them, beside those of the same area: adding up an area reads only
-- its wards. Passes write it first and read it in the same step; nobody else reads it. version as in rollup_rows. Texts have
-- numbers, which take less time to compare and to group; migrate sees to it that no two texts share one.
CREATE TABLE IF NOT EXISTS summands
(
    period_number  UInt64 MATERIALIZED sipHash64(concat(calendar, ' ', period))  COMMENT 'number of calendar and period',
    area_number    UInt64 MATERIALIZED bitOr(bitShiftLeft(sipHash64(indicator), 36), sipHash64(within) % 68719476736)  COMMENT 'numbers of indicator, 28 bits, and within, 36 bits',
    ward_number    UInt64 MATERIALIZED sipHash64(ward)  COMMENT 'number of ward',
    calendar     LowCardinality(String)  COMMENT 'civil or legal',
    period       LowCardinality(String)  COMMENT 'period id',
    indicator    LowCardinality(String)  COMMENT 'indicator code',
    within       LowCardinality(String)  COMMENT 'unit id of the area next above the ward',
    ward         LowCardinality(String)  COMMENT 'ward unit',
    has_number   Bool                    COMMENT 'false: only a stated percent',
    value        Decimal(38, 6)          COMMENT 'number of a flow or stock, else 0',
    numerator    Decimal(38, 6)          COMMENT 'upper part of a ratio, else 0',
    denominator  Decimal(38, 6)          COMMENT 'lower part of a ratio, else 0',
    records      UInt64                  COMMENT 'effective records counted',
    qualified    Bool                    COMMENT 'a counted fact has a qualifier other than exact',
    as_of        Date32                  COMMENT 'greatest date of a counted fact',
    source_set   Array(LowCardinality(String)) COMMENT 'distinct sources counted',
    carried      Bool                    COMMENT 'a counted state is older than the period',
    approximate  Bool                    COMMENT 'a counted fact came through a divided predecessor',
    stated       Decimal(38, 6)          COMMENT 'stated percent, 0 if there is a number',
    gone         Bool                    COMMENT 'true: the ward has no row any more',
    version      UInt64                  COMMENT 'epoch << 32 | step of the pass that wrote it',
    INDEX by_version version TYPE minmax GRANULARITY 1
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (period_number, area_number, ward_number)
SETTINGS index_granularity = 128, min_compress_block_size = 8192, auto_statistics_types = '', non_replicated_deduplication_window = 10000
COMMENT 'rows of wards, as areas add them up';

-- Rows of contract section 6 for kept periods. version = epoch << 32 | step: made of no clock.
-- One block is one part of this unpartitioned table: readers see a step whole or not at all. All indicators of an area in a period
-- lie together: a report is a granule, and the whole of an area one granule a period.
CREATE TABLE IF NOT EXISTS rollup_rows
(
    calendar            LowCardinality(String)     COMMENT 'civil or legal',
    period              LowCardinality(String)     COMMENT 'period id',
    period_start        Date32                     COMMENT 'first day of the period',
    period_end          Date32                     COMMENT 'last day of the period',
    level               Enum8('ward' = 1, 'district' = 2, 'province' = 3, 'country' = 4) COMMENT 'level of the area',
    within              LowCardinality(String)     COMMENT 'unit id of the area next above, VN above a province, empty for the country',
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
    target              Nullable(Decimal(38, 6))   COMMENT 'number of the target that applies',
    status              Enum8('' = 0, 'met' = 1, 'not_met' = 2) COMMENT 'met or not_met; empty if there is no target or nothing to compare',
    gone                Bool                       COMMENT 'true: the row no longer exists; views hide it',
    version             UInt64                     COMMENT 'epoch << 32 | step of the pass that wrote it',
    INDEX by_version version TYPE minmax GRANULARITY 1
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (calendar, period, level, area_id, indicator)
SETTINGS index_granularity = 256, min_compress_block_size = 1024, auto_statistics_types = '', non_replicated_deduplication_window = 10000
COMMENT 'period rollups; read them through the view rollups';
