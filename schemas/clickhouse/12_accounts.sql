-- Whose rows an account sees (contract section 6). An administrator writes account_units; docs/accounts.md says how.
CREATE TABLE IF NOT EXISTS account_units
(
    account  String  COMMENT 'ClickHouse user',
    unit_id  String  COMMENT 'unit whose rows it may see, with what lies below it and the predecessors of all of these'
)
ENGINE = ReplacingMergeTree
ORDER BY (account, unit_id)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'accounts of wards, districts and provinces';

-- Derived from units and lineage when they are loaded, so that SQL needs no recursion.
CREATE TABLE IF NOT EXISTS reference_reach
(
    generation  UInt32                  COMMENT 'generation',
    unit_id     LowCardinality(String)  COMMENT 'unit that an account has',
    member      LowCardinality(String)  COMMENT 'unit whose rows it may see'
)
ENGINE = ReplacingMergeTree
ORDER BY (generation, unit_id, member)
COMMENT 'units whose rows an account of a unit may see';
