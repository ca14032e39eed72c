-- Which rows the marks of some batches touch: the ward rows whose number a touched cell may change, and the areas above them. For
-- indicators of some kinds: flows need no cells.
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
    -- All that was ever stated in the cell, also what is withdrawn or replaced by now.
    stated AS
    (
        SELECT DISTINCT indicator, ward, date, source, toString(dimensions) AS series, percent IS NOT NULL AS is_percent
        FROM event_log
        WHERE (date, indicator, ward) IN (SELECT date, indicator, ward FROM late) AND NOT retracted
    ),
    later AS
    (
        SELECT indicator, ward, date AS day, state.source AS source, state.series AS series
        FROM (SELECT indicator, ward, date, states FROM cells FINAL WHERE (indicator, ward) IN (SELECT indicator, ward FROM late)) AS own
        ARRAY JOIN states AS state
    ),
    superseded AS
    (
        SELECT indicator, ward, date, true AS is_known, max(is_percent) AS has_percent,
               max(multiIf(is_percent, date, day > date AND day <= last_day, day, toDate32('2299-12-31'))) AS until
        FROM
        (
            SELECT stated.indicator AS indicator, stated.ward AS ward, stated.date AS date, is_percent, day
            FROM stated
            ASOF LEFT JOIN later
                ON stated.indicator = later.indicator AND stated.ward = later.ward AND stated.source = later.source
                AND stated.series = later.series AND stated.date < later.day
        ) AS found
        INNER JOIN late USING (indicator, ward, date)
        GROUP BY indicator, ward, date
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
