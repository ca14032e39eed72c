-- Reference data by generation. A generation counts once it stands in generations, which is written last.
CREATE TABLE IF NOT EXISTS generations
(
    generation  UInt32               COMMENT 'number of the generation; the greatest is active',
    digest      String               COMMENT 'SHA-256 over names and contents of its files',
    loaded_at   DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'when migrate activated it, by the clock of the server',
    program     LowCardinality(String) COMMENT 'version of the program that loaded it'
)
ENGINE = MergeTree ORDER BY generation
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'generations of the reference data that were activated';

-- Numbers of generations, claimed under a deduplication token so that two loads never share one.
CREATE TABLE IF NOT EXISTS generation_claims
(
    generation  UInt32  COMMENT 'number, activated or not',
    holder      String  COMMENT 'load that claimed it'
)
ENGINE = MergeTree ORDER BY generation
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'loads of reference data';

CREATE TABLE IF NOT EXISTS reference_files
(
    generation  UInt32                  COMMENT 'generation',
    file        LowCardinality(String)  COMMENT 'path of the file below schemas/reference',
    content     String                  COMMENT 'its text, byte for byte'
)
ENGINE = ReplacingMergeTree ORDER BY (generation, file)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'the files of each generation, as workers load them';

CREATE TABLE IF NOT EXISTS reference_indicators
(
    generation           UInt32                  COMMENT 'generation',
    code                 LowCardinality(String)  COMMENT 'indicator code',
    tier                 LowCardinality(String)  COMMENT 'core or extended',
    name_vi              String                  COMMENT 'Vietnamese name',
    name_en              String                  COMMENT 'English name',
    pillar               LowCardinality(String)  COMMENT 'pillar of digital transformation, in Vietnamese',
    kind                 LowCardinality(String)  COMMENT 'flow, flow_ratio, stock or stock_ratio',
    numerator_meaning    String                  COMMENT 'what the value or numerator counts, in Vietnamese',
    denominator_meaning  String                  COMMENT 'what the denominator counts, in Vietnamese',
    unit                 LowCardinality(String)  COMMENT 'unit of the number, in Vietnamese',
    direction            LowCardinality(String)  COMMENT 'which direction is better: higher, lower, neutral',
    carry_days           UInt32                  COMMENT 'days for which a state is carried forward',
    may_exceed           Bool                    COMMENT 'whether a ratio may exceed 100 percent',
    dimensions           String                  COMMENT 'JSON object: allowed keys, each with * or the list of its values'
)
ENGINE = ReplacingMergeTree ORDER BY (generation, code)
COMMENT 'indicator catalogue by generation';

CREATE TABLE IF NOT EXISTS reference_units
(
    generation      UInt32                  COMMENT 'generation',
    unit_id         String                  COMMENT 'level letter, code, @, valid_from',
    code            LowCardinality(String)  COMMENT 'code of the unit; codes are reused, the id is not',
    level           LowCardinality(String)  COMMENT 'ward, district or province',
    name            String                  COMMENT 'newest name',
    type            LowCardinality(String)  COMMENT 'newest type, in Vietnamese',
    parent_unit_id  String                  COMMENT 'unit above it, empty for a province',
    valid_from      Date32                  COMMENT 'first day; 1900-01-01 = since before this data set',
    valid_to        Date32                  COMMENT 'last day; 2299-12-31 = still valid'
)
ENGINE = ReplacingMergeTree ORDER BY (generation, unit_id)
COMMENT 'administrative units by generation';

CREATE TABLE IF NOT EXISTS reference_lineage
(
    generation      UInt32                  COMMENT 'generation',
    old_unit_id     String                  COMMENT 'unit that ended',
    new_unit_id     String                  COMMENT 'unit that it went into',
    relation        LowCardinality(String)  COMMENT 'whole, part-default or part',
    effective_from  Date32                  COMMENT 'first day of the new unit'
)
ENGINE = ReplacingMergeTree ORDER BY (generation, old_unit_id, new_unit_id)
COMMENT 'mergers and divisions by generation';

CREATE TABLE IF NOT EXISTS reference_sources
(
    generation  UInt32         COMMENT 'generation',
    source      String         COMMENT 'CloudEvents source',
    name        String         COMMENT 'Vietnamese name of the system',
    priority    UInt32         COMMENT 'the smallest that has a state is authoritative',
    indicators  Array(String)  COMMENT 'indicators it may state; * = all',
    wards       Array(String)  COMMENT 'unit subtrees it may speak for; * = all',
    topics      Array(String)  COMMENT 'topics it may arrive by; * = all'
)
ENGINE = ReplacingMergeTree ORDER BY (generation, source)
COMMENT 'source registry by generation';

CREATE TABLE IF NOT EXISTS reference_targets
(
    generation  UInt32                  COMMENT 'generation',
    indicator   LowCardinality(String)  COMMENT 'indicator code',
    calendar    LowCardinality(String)  COMMENT 'civil or legal',
    period      LowCardinality(String)  COMMENT 'period id, period type or *',
    area_id     String                  COMMENT 'unit id or VN',
    scope       LowCardinality(String)  COMMENT 'self = the row of the area, wards = every ward below it',
    comparison  LowCardinality(String)  COMMENT '>=, <= or =',
    number      Decimal(38, 6)          COMMENT 'number compared with'
)
ENGINE = ReplacingMergeTree ORDER BY (generation, indicator, calendar, period, area_id, scope)
COMMENT 'target registry by generation';

-- Derived from the files above when they are loaded, so that SQL needs no recursion.
CREATE TABLE IF NOT EXISTS reference_paths
(
    generation   UInt32                  COMMENT 'generation',
    member       LowCardinality(String)  COMMENT 'ward unit whose facts count',
    unit         LowCardinality(String)  COMMENT 'ward unit that they count for in periods ending from from_end to to_end',
    from_end     Date32                  COMMENT 'first period end of the stretch',
    to_end       Date32                  COMMENT 'last period end of the stretch',
    approximate  Bool                    COMMENT 'a part-default step was taken',
    later        Array(LowCardinality(String)) COMMENT 'units after member on the way, unit included; empty if it is the same'
)
ENGINE = ReplacingMergeTree ORDER BY (generation, member, from_end)
COMMENT 'whose facts count for which ward at which period end (contract section 5)';

CREATE TABLE IF NOT EXISTS reference_areas
(
    generation  UInt32                  COMMENT 'generation',
    area_id     LowCardinality(String)  COMMENT 'unit id, or VN',
    code        LowCardinality(String)  COMMENT 'code, or VN',
    level       LowCardinality(String)  COMMENT 'ward, district, province or country',
    name        String                  COMMENT 'name valid from from_end to to_end',
    expected    UInt32                  COMMENT 'ward units of the area valid from from_end to to_end',
    from_end    Date32                  COMMENT 'first period end of the stretch',
    to_end      Date32                  COMMENT 'last period end of the stretch'
)
ENGINE = ReplacingMergeTree ORDER BY (generation, area_id, from_end)
COMMENT 'name and number of wards of every area by period end';

CREATE TABLE IF NOT EXISTS reference_chains
(
    generation  UInt32                         COMMENT 'generation',
    ward        LowCardinality(String)         COMMENT 'ward unit',
    areas       Array(LowCardinality(String))  COMMENT 'the ward itself and the areas above it, nearest first, up to VN'
)
ENGINE = ReplacingMergeTree ORDER BY (generation, ward)
COMMENT 'the areas above every ward unit';
