-- Which rows a change of reference data touches, beside those of indicators that are added up in another way: the rows of units and
-- areas whose names, numbers of wards, members or areas above are others, and the rows that changed targets name. With every
-- row those of all areas above it, by either generation.
INSERT INTO touched_rows (epoch, indicator, calendar, period, area)
WITH
<scope>,
    codes AS (SELECT arrayJoin({indicators:Array(String)}) AS indicator),
    chains AS (SELECT DISTINCT ward, areas FROM reference_chains WHERE generation IN ({before:UInt32}, {generation:UInt32})),
    areas_above AS
    (
        SELECT area, groupUniqArrayArray(arraySlice(areas, place)) AS above
        FROM chains ARRAY JOIN areas AS area, arrayEnumerate(areas) AS place
        GROUP BY area
    ),
    units AS (<units>),
    changed_targets AS
    (
        SELECT indicator, calendar, period AS pattern, area_id, scope
        FROM reference_targets WHERE generation IN ({before:UInt32}, {generation:UInt32})
        GROUP BY indicator, calendar, period, area_id, scope, comparison, number HAVING uniqExact(generation) = 1
    ),
    targeted AS
    (
        SELECT indicator, calendar, pattern, area_id AS area FROM changed_targets WHERE scope = 'self'
        UNION ALL
        SELECT indicator, calendar, pattern, ward
        FROM (SELECT ward, above FROM chains ARRAY JOIN areas AS above WHERE above != ward) AS below
        INNER JOIN (SELECT * FROM changed_targets WHERE scope = 'wards') AS named ON below.above = named.area_id
    )
SELECT DISTINCT {epoch:UInt32}, indicator, calendar, period, arrayJoin(above) AS higher
FROM
(
    SELECT indicator, calendar, period, area FROM units CROSS JOIN periods CROSS JOIN codes WHERE end BETWEEN from_end AND to_end
    UNION ALL
    SELECT indicator, targeted.calendar, periods.period, area
    FROM targeted INNER JOIN periods ON targeted.calendar = periods.calendar
    WHERE has(periods.patterns, pattern) AND indicator IN {indicators:Array(String)}
) AS named
INNER JOIN areas_above ON named.area = areas_above.area
