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
    withdrawn    Array(Tuple(source String, series String)) COMMENT 'stock and stock ratio: what was stated once and is no more',
    had_percent  Bool                    COMMENT 'a percent was stated once',
    seen         UInt64                  COMMENT 'distinct accepted events of the cell'
)
ENGINE = ReplacingMergeTree(seen)
ORDER BY (indicator, ward, date)
SETTINGS index_granularity = 128, min_compress_block_size = 8192, auto_statistics_types = ''
COMMENT 'effective facts by indicator, ward code and day';

-- Of each source and series the last day on which a state was ever stated, with what cells says of it: passes need not read the
-- days before. Made of cells alone: a later day, or of one day the cell made of more events, wins. If the state was withdrawn the row says so and
-- stays, since nobody knows the last one before without looking.
CREATE TABLE IF NOT EXISTS last_states
(
    indicator    LowCardinality(String)  COMMENT 'indicator code',
    ward         LowCardinality(String)  COMMENT 'ward code as valid on date',
    source       LowCardinality(String)  COMMENT 'CloudEvents source',
    series       String                  COMMENT 'dimensions of the facts, as text',
    date         Date32                  COMMENT 'last day on which a state was stated',
    seen         UInt64                  COMMENT 'seen of the cell of that day',
    is_withdrawn Bool                    COMMENT 'true: nothing is stated there any more',
    value        Decimal(38, 6)          COMMENT 'as in the states of the cell, 0 if withdrawn',
    numerator    Decimal(38, 6)          COMMENT 'as in the states of the cell, 0 if withdrawn',
    denominator  Decimal(38, 6)          COMMENT 'as in the states of the cell, 0 if withdrawn',
    version      UInt128                 COMMENT 'as in the states of the cell, 0 if withdrawn',
    qualified    Bool                    COMMENT 'as in the states of the cell, false if withdrawn',
    place        UInt64 MATERIALIZED toUInt64(toInt32(date) + 25567) * 1099511627776 + seen  COMMENT 'days since 1900 << 40 | seen'
)
ENGINE = ReplacingMergeTree(place)
ORDER BY (indicator, ward, source, series)
SETTINGS index_granularity = 128, min_compress_block_size = 8192, auto_statistics_types = ''
COMMENT 'the last state of each series';

CREATE MATERIALIZED VIEW IF NOT EXISTS last_states_of_cells TO last_states
(
    indicator    LowCardinality(String)  COMMENT 'as in last_states',
    ward         LowCardinality(String)  COMMENT 'as in last_states',
    source       LowCardinality(String)  COMMENT 'as in last_states',
    series       String                  COMMENT 'as in last_states',
    date         Date32                  COMMENT 'as in last_states',
    seen         UInt64                  COMMENT 'as in last_states',
    is_withdrawn Bool                    COMMENT 'as in last_states',
    value        Decimal(38, 6)          COMMENT 'as in last_states',
    numerator    Decimal(38, 6)          COMMENT 'as in last_states',
    denominator  Decimal(38, 6)          COMMENT 'as in last_states',
    version      UInt128                 COMMENT 'as in last_states',
    qualified    Bool                    COMMENT 'as in last_states'
)
AS
SELECT indicator, ward, state.1 AS source, state.2 AS series, date, seen, state.3 AS is_withdrawn, state.4 AS value, state.5 AS numerator,
       state.6 AS denominator, state.7 AS version, state.8 AS qualified
FROM
(
    SELECT indicator, ward, date, seen,
           arrayJoin(arrayConcat(
               arrayMap(s -> tuple(s.1, s.2, false, s.3, s.4, s.5, s.6, s.7), states),
               arrayMap(w -> tuple(w.1, w.2, true, toDecimal128(0, 6), toDecimal128(0, 6), toDecimal128(0, 6), toUInt128(0), false), withdrawn))) AS state
    FROM cells
)
COMMENT 'fills last_states as cells are written';
