-- Judges one kind of finding within a scope: what is found opens or stays open, what is stored as open there and not found settles.
-- The words in angle brackets are the query of the kind, and the stored findings of where it has looked.
INSERT INTO finding_log (kind, indicator, ward, day, subject, period, detail, first_seen, last_seen, settled_at, judged)
WITH
    fromUnixTimestamp64Micro({judged:Int64}, 'UTC') AS moment,
    known AS
    (
        SELECT indicator, ward, day, subject, period, detail, first_seen, last_seen, settled_at IS NULL AS is_open FROM (<stored>)
    )
SELECT {kind:String}, indicator, ward, day, subject, period,
       if(is_found, new_detail, old_detail), if(is_known, seen_first, moment), if(is_found, moment, seen_last),
       if(is_found, NULL, moment), toUInt64({judged:Int64})
FROM
(
    SELECT indicator, ward, day, subject, period, max(found_now) AS is_found, min(found_now) = 0 AS is_known, max(is_open) AS was_open,
           anyIf(detail, found_now) AS new_detail, anyIf(detail, NOT found_now) AS old_detail,
           anyIf(first_seen, NOT found_now) AS seen_first, anyIf(last_seen, NOT found_now) AS seen_last
    FROM
    (
        SELECT toString(indicator) AS indicator, toString(ward) AS ward, day, subject, period, detail, true AS found_now,
               toDateTime64(0, 3, 'UTC') AS first_seen, toDateTime64(0, 3, 'UTC') AS last_seen, false AS is_open
        FROM (<found>)
        UNION ALL
        SELECT toString(indicator), toString(ward), day, subject, period, detail, false, first_seen, last_seen, is_open FROM known
    )
    GROUP BY indicator, ward, day, subject, period
)
WHERE if(is_found, NOT was_open OR new_detail != old_detail OR moment - seen_last > 60, was_open)
