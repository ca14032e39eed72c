-- A percent stated without parts, against the parts that are known of the same ward and day: for states those of the authoritative
-- source. It may be off by one unit of its last stated digit, rounded or cut off. Stored numbers have lost the zeros at their end, so
-- 90.0 is judged as 90, by a unit of 1. Whole numbers in millionths, nothing is rounded here.
WITH
    asked AS
    (
        SELECT indicator, ward, date, numerator, denominator, records, states, percents
        FROM (SELECT * FROM cells FINAL WHERE (indicator, ward, date) IN (SELECT indicator, ward, date FROM (<cells>))) AS cells
        WHERE notEmpty(percents)
    ),
    parts AS
    (
        SELECT indicator, ward, date, numerator AS upper, denominator AS lower FROM asked WHERE records > 0
        UNION ALL
        SELECT indicator, ward, date, argMin(tuple(upper_sum, lower_sum), priority).1, argMin(tuple(upper_sum, lower_sum), priority).2
        FROM
        (
            SELECT indicator, ward, date, sources.priority AS priority, sum(state.numerator) AS upper_sum, sum(state.denominator) AS lower_sum
            FROM (SELECT indicator, ward, date, state FROM asked ARRAY JOIN states AS state) AS stated_parts
            INNER JOIN (SELECT source, priority FROM reference_sources WHERE generation = {generation:UInt32}) AS sources
                ON stated_parts.state.source = sources.source
            GROUP BY indicator, ward, date, priority
        )
        GROUP BY indicator, ward, date
    ),
    measured AS
    (
        SELECT stated.indicator AS indicator, stated.ward AS ward, stated.date AS date, who, percent, upper, lower,
               toInt256(reinterpretAsInt128(percent)) AS stated_micros,
               toInt256(reinterpretAsInt128(upper)) AS upper_micros, toInt256(reinterpretAsInt128(lower)) AS lower_micros,
               multiIf(stated_micros % 1000000 = 0, 1000000, stated_micros % 100000 = 0, 100000, stated_micros % 10000 = 0, 10000,
                       stated_micros % 1000 = 0, 1000, stated_micros % 100 = 0, 100, stated_micros % 10 = 0, 10, 1) AS digit
        FROM (SELECT indicator, ward, date, one.source AS who, one.percent AS percent FROM asked ARRAY JOIN percents AS one) AS stated
        INNER JOIN parts ON stated.indicator = parts.indicator AND stated.ward = parts.ward AND stated.date = parts.date
    )
SELECT indicator, ward, date AS day, concat(indicator, ' ', unit_id, ' ', who) AS subject, toString(date) AS period,
       concat(who, ' states ', toString(percent), ' %, the parts are ', toString(upper), ' / ', toString(lower)) AS detail
FROM measured
INNER JOIN (SELECT unit_id, code, valid_from, valid_to FROM reference_units WHERE generation = {generation:UInt32} AND level = 'ward') AS wards
    ON measured.ward = wards.code
WHERE date BETWEEN valid_from AND valid_to AND lower_micros > 0
  AND abs(stated_micros * lower_micros - upper_micros * 100000000) > lower_micros * digit
