-- Indicators and wards of which last states are not those of the cells.
SELECT DISTINCT indicator, ward
FROM
(
    SELECT indicator, ward, key.1 AS source, key.2 AS series, max(toUInt64(toInt32(date) + 25567) * 1099511627776 + seen) AS place
    FROM
    (
        SELECT indicator, ward, date, seen, arrayJoin(arrayConcat(arrayMap(s -> (s.1, s.2), states), withdrawn)) AS key
        FROM cells FINAL
        WHERE indicator IN {indicators:Array(String)}
    )
    GROUP BY indicator, ward, source, series
    UNION ALL
    SELECT indicator, ward, source, series, place FROM last_states FINAL WHERE indicator IN {indicators:Array(String)}
)
GROUP BY indicator, ward, source, series
HAVING count() != 2 OR min(place) != max(place)
