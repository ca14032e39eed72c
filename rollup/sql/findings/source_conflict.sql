-- At the end of a month of either calendar: what the candidates of a source that is not authoritative add up to, against the
-- authoritative one (contract section 3). It is found in a month in which one of the two has spoken, not again in each to which both are
-- carried.
WITH
    <observations>,
    <months>,
    sources AS (SELECT source, priority FROM reference_sources WHERE generation = {generation:UInt32}),
    shared AS (SELECT indicator, unit_id FROM observations GROUP BY indicator, unit_id HAVING uniqExact(who) > 1),
    candidates AS
    (
        SELECT indicator, ward, unit_id, calendar, month, start, end, who, series, argMax(tuple(value, upper, lower), at) AS last, max(at) AS last_at
        FROM (SELECT * FROM observations WHERE (indicator, unit_id) IN (SELECT indicator, unit_id FROM shared)) AS spoken
        CROSS JOIN months
        WHERE at <= end AND end - at < carry AND end BETWEEN lo AND hi
        GROUP BY indicator, ward, unit_id, calendar, month, start, end, who, series
    ),
    by_source AS
    (
        SELECT indicator, ward, unit_id, calendar, month, start, end, who, priority,
               sum(last.1) AS value, sum(last.2) AS upper, sum(last.3) AS lower, max(last_at) AS spoke
        FROM candidates INNER JOIN sources ON candidates.who = sources.source
        GROUP BY indicator, ward, unit_id, calendar, month, start, end, who, priority
    ),
    authorities AS
    (
        SELECT indicator, unit_id, calendar, month, argMin(tuple(who, value, upper, lower, spoke), priority) AS first
        FROM by_source GROUP BY indicator, unit_id, calendar, month
    )
SELECT by_source.indicator AS indicator, by_source.ward AS ward, toDate32(end) AS day,
       concat(by_source.indicator, ' ', by_source.unit_id, ' ', who) AS subject, concat(by_source.calendar, ' ', by_source.month) AS period,
       concat(first.1, ' says ', if(lower = 0 AND first.4 = 0, toString(first.2), concat(toString(first.3), ' / ', toString(first.4))), ' and counts, ',
              who, ' says ', if(lower = 0 AND first.4 = 0, toString(value), concat(toString(upper), ' / ', toString(lower)))) AS detail
FROM by_source
INNER JOIN authorities ON by_source.indicator = authorities.indicator AND by_source.unit_id = authorities.unit_id
    AND by_source.calendar = authorities.calendar AND by_source.month = authorities.month
WHERE who != first.1 AND tuple(value, upper, lower) != tuple(first.2, first.3, first.4) AND greatest(spoke, first.5) >= start
