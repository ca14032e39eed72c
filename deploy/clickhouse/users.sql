-- The users of chiso in ClickHouse, each with the least rights that it needs. Run it as an administrator, with passwords:
--
--   clickhouse-client --param_ingest_password=... --param_rollup_password=... --queries-file deploy/clickhouse/users.sql
--
-- Where clickhouse.database is not `chiso`, write its name here. chiso-local gives its users the same rights.

CREATE DATABASE IF NOT EXISTS chiso;

-- chiso-ingest: adds to some tables, reads what it must know to start and to send refused messages again. It changes and
-- removes nothing, and reads no fact.
CREATE USER IF NOT EXISTS chiso_ingest IDENTIFIED WITH sha256_password BY {ingest_password:String};
GRANT SELECT ON chiso.schema_versions TO chiso_ingest;
GRANT SELECT ON chiso.generations TO chiso_ingest;
GRANT SELECT ON chiso.reference_files TO chiso_ingest;
GRANT SELECT ON chiso.coverage TO chiso_ingest;
GRANT INSERT ON chiso.event_log TO chiso_ingest;
GRANT INSERT ON chiso.marks TO chiso_ingest;
GRANT SELECT, INSERT ON chiso.ledger TO chiso_ingest;
GRANT SELECT, INSERT ON chiso.incarnations TO chiso_ingest;
GRANT SELECT, INSERT ON chiso.rejected_log TO chiso_ingest;
GRANT SELECT, INSERT ON chiso.replayed TO chiso_ingest;

-- chiso-rollup: makes the tables and views, writes rollups and reference data, joins rows of the ledger. It drops views, and
-- no table.
CREATE USER IF NOT EXISTS chiso_rollup IDENTIFIED WITH sha256_password BY {rollup_password:String};
GRANT SELECT, INSERT, ALTER, CREATE DATABASE, CREATE TABLE, CREATE VIEW, DROP VIEW ON chiso.* TO chiso_rollup;
-- A view is replaced under a name of this kind.
GRANT DROP TABLE ON chiso._tmp_replace_* TO chiso_rollup;
GRANT TABLE ENGINE ON MergeTree TO chiso_rollup;
GRANT TABLE ENGINE ON ReplacingMergeTree TO chiso_rollup;

-- People who analyse: they read everything in the database, and nothing runs away. GRANT chiso_analyst TO ann;
-- Conditions on keys are asked before other columns are read; ClickHouse moves no others where there is FINAL.
CREATE SETTINGS PROFILE IF NOT EXISTS chiso_analyst
    SETTINGS readonly = 2, max_execution_time = 300, max_memory_usage = 3221225472, optimize_move_to_prewhere_if_final = 1;
CREATE ROLE IF NOT EXISTS chiso_analyst SETTINGS PROFILE 'chiso_analyst';
GRANT SELECT ON chiso.* TO chiso_analyst;
