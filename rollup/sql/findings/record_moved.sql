-- A record that counts in two cells: a correction moved it without withdrawing it where it was (contract section 2).
SELECT '' AS indicator, '' AS ward, toDate32('1900-01-01') AS day, concat(source, ' ', record) AS subject, '' AS period,
       concat('counts in ', toString(length(places)), ' cells: ', arrayStringConcat(arraySlice(arrayMap(p -> concat(p.1, ' ', p.2, ' ', toString(p.3)),
              arraySort(places)), 1, 5), '; ')) AS detail
FROM
(
    SELECT source, record, groupArray(tuple(toString(indicator), toString(ward), date)) AS places
    FROM (SELECT source, record, indicator, ward, date, argMax(retracted, version) AS is_retracted FROM event_log WHERE <events>
          GROUP BY source, record, indicator, ward, date)
    WHERE NOT is_retracted
    GROUP BY source, record
    HAVING length(places) > 1
)
