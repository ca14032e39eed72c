-- What one would write by hand: flows and flow ratios of all kept periods, wards and areas above them.
INSERT INTO <table>
WITH
    effective AS
    (
        SELECT date, indicator, ward,
               argMax(tuple(value, numerator, denominator, retracted), version) AS fact
        FROM <events>
        WHERE indicator IN (SELECT code FROM indicators WHERE kind IN ('flow', 'flow_ratio'))
        GROUP BY date, indicator, ward, source, record
    ),
    daily AS
    (
        SELECT date, indicator, ward, sum(ifNull(fact.1, 0)) AS value, sum(ifNull(fact.2, 0)) AS numerator, sum(ifNull(fact.3, 0)) AS denominator
        FROM effective WHERE NOT fact.4 AND (fact.1 IS NOT NULL OR fact.2 IS NOT NULL) GROUP BY date, indicator, ward
    ),
    ward_units AS (SELECT unit_id, code FROM units WHERE level = 'ward' AND valid_from <= '<last day>' AND valid_to >= '<last day>'),
    chains AS (SELECT code, areas FROM ward_units INNER JOIN reference_chains ON unit_id = ward WHERE generation = 1),
    days AS (SELECT calendar, period, arrayJoin(arrayMap(n -> addDays(start, n), range(toUInt32(toInt32(end) - toInt32(start) + 1)))) AS day FROM bench_periods)
SELECT calendar, period, indicator, arrayJoin(areas) AS area, sum(value) AS value, sum(numerator) AS numerator, sum(denominator) AS denominator
FROM daily INNER JOIN days ON date = day INNER JOIN chains ON ward = code
GROUP BY calendar, period, indicator, area
