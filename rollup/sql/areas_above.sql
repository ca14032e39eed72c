-- The areas above the wards that a step has computed.
SELECT DISTINCT calendar, period, indicator, arrayJoin(above) AS area
FROM (SELECT DISTINCT calendar, period, indicator, within FROM <computed>) AS computed
INNER JOIN
(
    SELECT DISTINCT areas[2] AS within, arraySlice(areas, 2) AS above FROM reference_chains WHERE generation = {generation:UInt32}
) AS chains USING (within)
