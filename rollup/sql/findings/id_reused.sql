-- Two bodies under one source and id: different events, by whatever they differ (contract section 2).
SELECT '' AS indicator, '' AS ward, toDate32('1900-01-01') AS day, concat(source, ' ', id) AS subject, '' AS period,
       concat(toString(length(bodies)), ' bodies: ', arrayStringConcat(arraySlice(arrayMap(b -> concat(b.1, ' ', b.2, ' ', toString(b.3),
              ' record ', b.4, ' revision ', toString(bitShiftRight(b.5, 96))), arraySort(bodies)), 1, 5), '; ')) AS detail
FROM
(
    SELECT source, id, groupUniqArray(tuple(toString(indicator), toString(ward), date, record, version)) AS bodies
    FROM event_log
    WHERE <events>
    GROUP BY source, id
    HAVING length(bodies) > 1
)
