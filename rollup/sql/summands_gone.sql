-- Summands of touched wards that were not computed, and so are gone. The words in angle brackets are conditions.
INSERT INTO summands (calendar, period, indicator, within, ward, gone, version)
WITH
<scope>
SELECT calendar, period, indicator, areas[2], area, true, {version:UInt64}
FROM <touched wards> AS touched
INNER JOIN (SELECT ward, areas FROM reference_chains WHERE generation = {generation:UInt32}) AS chains ON touched.area = chains.ward
WHERE (calendar, period, indicator, area) NOT IN (SELECT calendar, period, indicator, ward FROM <computed>) AND <is stored> AND <still holds>
