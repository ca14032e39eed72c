-- Summands of touched wards that were not computed, and so are gone.
INSERT INTO summands (calendar, period, indicator, within, ward, gone, version)
WITH
<scope>
SELECT calendar, period, indicator, within, ward, true, {version:UInt64}
FROM summands FINAL
WHERE NOT gone AND (period_number, indicator_number, within_number, ward) IN
(
    SELECT sipHash64(concat(calendar, ' ', period)), sipHash64(indicator), sipHash64(areas[2]), area
    FROM <touched wards> AS touched
    INNER JOIN (SELECT ward, areas FROM reference_chains WHERE generation = {generation:UInt32}) AS chains ON touched.area = chains.ward
    WHERE (calendar, period, indicator, area) NOT IN (SELECT calendar, period, indicator, ward FROM summands WHERE version = {version:UInt64})
)
