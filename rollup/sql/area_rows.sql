-- The rows of some areas in some periods: the wards in them and all areas above these, and what is stored there.
INSERT INTO touched_rows (epoch, indicator, calendar, period, area)
WITH
<scope>,
    chains AS (SELECT ward, areas FROM reference_chains WHERE generation = {generation:UInt32} AND hasAny(areas, {areas:Array(String)}))
SELECT {epoch:UInt32}, indicator, calendar, period, area
FROM
(
    SELECT calendar, period, arrayJoin(areas) AS area
    FROM chains
    INNER JOIN (SELECT area_id, from_end, to_end FROM reference_areas WHERE generation = {generation:UInt32}) AS valid ON chains.ward = valid.area_id
    CROSS JOIN periods
    WHERE periods.end BETWEEN from_end AND to_end
) AS rows
CROSS JOIN (SELECT arrayJoin({indicators:Array(String)}) AS indicator) AS wanted
UNION DISTINCT
SELECT {epoch:UInt32}, indicator, calendar, period, area_id
FROM rollup_rows FINAL
WHERE indicator IN {indicators:Array(String)} AND (calendar, period) IN (SELECT calendar, period FROM periods) AND NOT gone
  AND area_id IN (SELECT arrayJoin(areas) FROM chains)
UNION DISTINCT
SELECT {epoch:UInt32}, indicator, calendar, period, ward
FROM summands FINAL
WHERE indicator IN {indicators:Array(String)} AND (calendar, period) IN (SELECT calendar, period FROM periods) AND NOT gone
  AND period_number IN (SELECT period_number FROM periods) AND ward IN (SELECT ward FROM chains)
