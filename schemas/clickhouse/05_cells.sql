-- One row a cell (indicator, ward code, day), always recomputed whole from event_log.
-- seen only grows, so of two versions of a cell the one made from more events wins, without a clock. Passes read the days of
-- wards here and there, so granules and compressed blocks are small.
CREATE TABLE IF NOT EXISTS cells
(
    indicator    LowCardinality(String)  COMMENT 'indicator code',
    ward         LowCardinality(String)  COMMENT 'ward code as valid on date',
    date         Date32                  COMMENT 'local day',
    value        Decimal(38, 6)          COMMENT 'flow: sum over effective records',
    numerator    Decimal(38, 6)          COMMENT 'flow ratio: sum over effective records with both parts',
    denominator  Decimal(38, 6)          COMMENT 'flow ratio: sum over effective records with both parts',
    records      UInt64                  COMMENT 'flow and flow ratio: effective records in the sums',
    qualified    Bool                    COMMENT 'flow and flow ratio: one of them has a qualifier other than exact',
    sources      Array(LowCardinality(String)) COMMENT 'flow and flow ratio: distinct sources of the sums',
    states       Array(Tuple(source String, series String, value Decimal(38, 6), numerator Decimal(38, 6), denominator Decimal(38, 6),
                             version UInt128, qualified Bool)) COMMENT 'stock and stock ratio: the greatest version of each source and series',
    percents     Array(Tuple(source String, percent Decimal(38, 6), version UInt128, qualified Bool)) COMMENT 'percent-only: the greatest version of each source',
    seen         UInt64                  COMMENT 'distinct accepted events of the cell'
)
ENGINE = ReplacingMergeTree(seen)
ORDER BY (indicator, ward, date)
SETTINGS index_granularity = 128, min_compress_block_size = 8192
COMMENT 'effective facts by indicator, ward code and day';
