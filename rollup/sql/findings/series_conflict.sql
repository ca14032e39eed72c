-- One source, one day, one series, two records that state different numbers: the later statement counts, the other is lost.
SELECT indicator, ward, date AS day, concat(indicator, ' ', unit_id, ' ', source, if(series = '{}', '', concat(' ', series))) AS subject,
       toString(date) AS period, arrayStringConcat(arrayMap(s -> concat(s.1, ' says ', s.2), arraySort(statements)), ', ') AS detail
FROM
(
    SELECT indicator, ward, date, source, fact.4 AS series, groupArray(tuple(record, fact.1)) AS statements
    FROM
    (
        SELECT indicator, ward, date, source, record,
               argMax(tuple(if(value IS NULL, concat(toString(numerator), ' / ', toString(denominator)), toString(value)), percent IS NOT NULL,
                            retracted, toString(dimensions)), version) AS fact
        FROM event_log
        WHERE (date, indicator, ward) IN (SELECT date, indicator, ward FROM (<cells>))
          AND indicator IN (SELECT code FROM reference_indicators WHERE generation = {generation:UInt32} AND kind IN ('stock', 'stock_ratio'))
        GROUP BY indicator, ward, date, source, record
    )
    WHERE NOT fact.2 AND NOT fact.3
    GROUP BY indicator, ward, date, source, series
    HAVING uniqExact(fact.1) > 1
) AS conflicts
INNER JOIN (SELECT unit_id, code, valid_from, valid_to FROM reference_units WHERE generation = {generation:UInt32} AND level = 'ward') AS wards
    ON conflicts.ward = wards.code
WHERE date BETWEEN valid_from AND valid_to
