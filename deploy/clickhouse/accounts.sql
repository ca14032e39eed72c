-- Accounts of wards, districts and provinces: they read the views for analysts, and there only the rows of their unit, of what lies
-- below it, and of the predecessors of these. Run it as an administrator, once, after `chiso-rollup migrate`, and again with each release:
--
--   clickhouse-client --queries-file deploy/clickhouse/accounts.sql
--
-- docs/accounts.md says how an account is made. Where clickhouse.database is not `chiso`, write its name here. A role without a
-- filter reads all rows, so a filter is made before the right to read. chiso-local gives its accounts the same filters and rights.

-- Settings may be changed, but not those that decide in which order filters are applied.
CREATE SETTINGS PROFILE IF NOT EXISTS chiso_account
    SETTINGS readonly = 2, max_execution_time = 60, max_memory_usage = 2147483648, enable_analyzer = 1 CONST,
             optimize_move_to_prewhere_if_final = 0 CONST;
CREATE ROLE IF NOT EXISTS chiso_account SETTINGS PROFILE 'chiso_account';

CREATE ROW POLICY OR REPLACE chiso_account ON chiso.account_reach USING account = currentUser() TO chiso_account;
CREATE ROW POLICY OR REPLACE chiso_account ON chiso.account_days USING account = currentUser() TO chiso_account;
CREATE ROW POLICY OR REPLACE chiso_account ON chiso.rollups USING area_id IN (SELECT area_id FROM chiso.account_reach) TO chiso_account;
CREATE ROW POLICY OR REPLACE chiso_account ON chiso.reports USING area_id IN (SELECT area_id FROM chiso.account_reach) TO chiso_account;
CREATE ROW POLICY OR REPLACE chiso_account ON chiso.report_versions USING area_id IN (SELECT area_id FROM chiso.account_reach) TO chiso_account;
CREATE ROW POLICY OR REPLACE chiso_account ON chiso.events USING ward IN (SELECT ward FROM chiso.account_days WHERE span = 'always') OR (ward, toYear(date)) IN (SELECT ward, year FROM chiso.account_days WHERE span = 'year') OR (ward, date) IN (SELECT ward, day FROM chiso.account_days WHERE span = 'day') TO chiso_account;
CREATE ROW POLICY OR REPLACE chiso_account ON chiso.findings USING ward IN (SELECT ward FROM chiso.account_days WHERE span = 'always') OR (ward, toYear(day)) IN (SELECT ward, year FROM chiso.account_days WHERE span = 'year') OR (ward, day) IN (SELECT ward, day FROM chiso.account_days WHERE span = 'day') TO chiso_account;

GRANT SELECT ON chiso.account_reach TO chiso_account;
GRANT SELECT ON chiso.account_days TO chiso_account;
GRANT SELECT ON chiso.rollups TO chiso_account;
GRANT SELECT ON chiso.reports TO chiso_account;
GRANT SELECT ON chiso.report_versions TO chiso_account;
GRANT SELECT ON chiso.events TO chiso_account;
GRANT SELECT ON chiso.findings TO chiso_account;
GRANT SELECT ON chiso.indicators TO chiso_account;
GRANT SELECT ON chiso.units TO chiso_account;
GRANT SELECT ON chiso.lineage TO chiso_account;
GRANT SELECT ON chiso.sources TO chiso_account;
GRANT SELECT ON chiso.targets TO chiso_account;
