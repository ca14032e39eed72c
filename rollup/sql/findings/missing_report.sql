-- A ward and an indicator with a fact dated in the month before, and none in this one, its predecessors' counted. Carried states are no
-- reports.
WITH
    <asked_months>,
    members AS
    (
        SELECT indicator, expected.unit AS unit, calendar, month, start, end, last_start, code, toInt32(valid_from) AS first_at, toInt32(valid_to) AS last_at
        FROM expected INNER JOIN paths ON expected.unit = paths.unit INNER JOIN wards ON paths.member = wards.unit_id
        WHERE end BETWEEN paths.from_end AND paths.to_end
    ),
    reported AS
    (
        SELECT indicator, ward, toInt32(date) AS at
        FROM (SELECT * FROM cells FINAL WHERE (indicator, ward) IN (SELECT indicator, code FROM members)) AS cells
        WHERE records > 0 OR notEmpty(states) OR notEmpty(percents)
    ),
    counted AS
    (
        SELECT reported.indicator AS indicator, unit, calendar, month, end, countIf(at < start) AS before, countIf(at >= start) AS now
        FROM reported INNER JOIN members ON reported.indicator = members.indicator AND reported.ward = members.code
        WHERE at BETWEEN last_start AND end AND at BETWEEN first_at AND last_at
        GROUP BY indicator, unit, calendar, month, end
    )
SELECT indicator, code AS ward, toDate32(end) AS day, concat(indicator, ' ', unit) AS subject, concat(calendar, ' ', month) AS period,
       concat('nothing is reported, after ', toString(before), if(before = 1, ' day', ' days'), ' with facts in the month before') AS detail
FROM counted INNER JOIN wards ON counted.unit = wards.unit_id
WHERE before > 0 AND now = 0
