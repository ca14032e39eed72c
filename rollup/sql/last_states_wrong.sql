-- Indicators and wards of which last states are not those of the cells: of another day, made of other events, or with other numbers.
SELECT DISTINCT indicator, ward
FROM
(
    SELECT indicator, ward, state.1 AS source, state.2 AS series, tuple(date, seen) AS place,
           cityHash64(state.3, state.4, state.5, state.6, state.7, state.8) AS digest, false AS is_stored
    FROM
    (
        SELECT indicator, ward, date, seen,
               arrayJoin(arrayConcat(
                   arrayMap(s -> tuple(s.1, s.2, false, s.3, s.4, s.5, s.6, s.7), states),
                   arrayMap(w -> tuple(w.1, w.2, true, toDecimal128(0, 6), toDecimal128(0, 6), toDecimal128(0, 6), toUInt128(0), false), withdrawn))) AS state
        FROM cells FINAL
        WHERE indicator IN {indicators:Array(String)}
    )
    UNION ALL
    SELECT indicator, ward, source, series, tuple(date, seen), cityHash64(is_withdrawn, value, numerator, denominator, version, qualified), true
    FROM last_states FINAL
    WHERE indicator IN {indicators:Array(String)}
)
GROUP BY indicator, ward, source, series
HAVING (maxIf(place, is_stored), argMaxIf(digest, place, is_stored)) != (maxIf(place, NOT is_stored), argMaxIf(digest, place, NOT is_stored))
