-- Which rows the marks of some batches touch: the ward rows whose number a touched cell may change, and the areas above them. Of
-- indicators of one family; what states touch depends on their cells.
INSERT INTO touched_rows (epoch, indicator, calendar, period, area)
WITH
<scope>,
    marked AS
    (
        SELECT DISTINCT indicator, ward, date FROM marks
        WHERE batch IN {batches:Array(UUID)} AND indicator IN (SELECT code FROM catalogue WHERE kind IN {kinds:Array(String)})
    ),
    -- A fact belongs to the unit that had its ward code on its date. A state is carried for carry_days, a flow not at all.
    touched_cells AS
    (
        SELECT indicator, ward, date, unit_id AS member, valid_to AS last_day, if(kind IN ('stock', 'stock_ratio'), carry_days, 0) AS carry
        FROM marked
        INNER JOIN catalogue ON marked.indicator = catalogue.code
        INNER JOIN wards ON marked.ward = wards.code
        WHERE date BETWEEN valid_from AND valid_to
    ),
    -- States that a period end lies behind, as seen from the latest mark: where the same source has stated the same series on a later
    -- day, what changes on the earlier one changes nothing from that day on.
    late AS
    (
        SELECT indicator, ward, date, last_day FROM touched_cells
        WHERE carry > 0 AND date <= (SELECT max(end) FROM periods WHERE end < (SELECT max(date) FROM marked))
    ),
    -- All days of their wards: what is stated there, what was stated once and is withdrawn, and whether a percent ever was.
    histories AS
    (
        SELECT indicator, ward,
               groupArray(tuple(date, arrayMap(s -> (s.1, s.2), states), withdrawn, had_percent)) AS days
        FROM (SELECT * FROM cells FINAL WHERE indexHint((indicator, ward) IN (SELECT indicator, ward FROM late))) AS read
        INNER JOIN (SELECT DISTINCT indicator, ward FROM late) AS asked USING (indicator, ward)
        GROUP BY indicator, ward
    ),
    superseded AS
    (
        SELECT indicator, ward, date, true AS is_known, own.4 AS has_percent,
               arrayMax(arrayPushBack(
                   arrayMap(
                       s -> arrayMin(arrayPushBack(arrayMap(d -> d.1, arrayFilter(d -> has(d.2, s), later)), toDate32('2299-12-31'))),
                       series),
                   date)) AS until
        FROM
        (
            SELECT indicator, ward, date, arrayFirst(d -> d.1 = date, days) AS own, arrayConcat(own.2, own.3) AS series,
                   arrayFilter(d -> d.1 > date AND d.1 <= last_day, days) AS later
            FROM late INNER JOIN histories USING (indicator, ward)
        )
        WHERE notEmpty(series) OR has_percent
    ),
    changes AS
    (
        SELECT DISTINCT indicator, member, date, carry, carry = 0 OR NOT is_known OR has_percent AS counts_inside,
               if(is_known, until, toDate32('2299-12-31')) AS until
        FROM touched_cells LEFT JOIN superseded USING (indicator, ward, date)
    ),
    reach AS
    (
        SELECT day, calendar, period, end, day >= start AS inside, toInt32(end) - toInt32(day) AS age
        FROM (SELECT DISTINCT date AS day FROM touched_cells) AS days
        CROSS JOIN periods
        WHERE day <= end AND (inside OR age < (SELECT max(carry) FROM touched_cells))
    ),
    touched_wards AS
    (
        SELECT DISTINCT indicator, calendar, period, unit
        FROM
        (
            SELECT indicator, member, calendar, period, end
            FROM changes INNER JOIN reach ON date = day
            WHERE (inside AND counts_inside) OR (age < carry AND end < until)
        ) AS touched
        INNER JOIN (SELECT member, unit, from_end, to_end FROM reference_paths WHERE generation = {generation:UInt32}) AS paths
            ON touched.member = paths.member
        WHERE end BETWEEN from_end AND to_end
    )
SELECT DISTINCT {epoch:UInt32}, indicator, calendar, period, arrayJoin(areas) AS area
FROM touched_wards
INNER JOIN (SELECT ward, areas FROM reference_chains WHERE generation = {generation:UInt32}) AS chains ON unit = ward
