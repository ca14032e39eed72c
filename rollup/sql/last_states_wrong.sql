-- Indicators and wards of which last states are not those of the cells. Rows that no merge has removed yet do not matter: what
-- replaced them has a later place.
SELECT DISTINCT indicator, ward
FROM
(
    SELECT indicator, ward, key.1 AS source, key.2 AS series, tuple(date, seen) AS place, false AS is_stored
    FROM
    (
        SELECT indicator, ward, date, seen, arrayJoin(arrayConcat(arrayZip(states.source, states.series), withdrawn)) AS key
        FROM cells
        WHERE indicator IN {indicators:Array(String)}
    )
    UNION ALL
    SELECT indicator, ward, source, series, tuple(date, seen), true FROM last_states WHERE indicator IN {indicators:Array(String)}
)
GROUP BY indicator, ward, source, series
HAVING maxIf(place, is_stored) != maxIf(place, NOT is_stored)
