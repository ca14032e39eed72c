-- Which rows the marks of some batches touch: the ward rows whose number a touched cell may change, and the areas above them.
INSERT INTO touched_rows (epoch, indicator, calendar, period, area)
WITH
    periods AS
    (
        SELECT calendar, period, start, end
        FROM format(JSONEachRow, 'calendar String, period String, start Date32, end Date32, patterns Array(String)', <periods>)
    ),
    -- A fact belongs to the unit that had its ward code on its date. A state is carried for carry_days, a flow not at all.
    touched_cells AS
    (
        SELECT DISTINCT indicator, unit_id AS member, date, carry
        FROM (SELECT DISTINCT indicator, ward, date FROM marks WHERE batch IN {batches:Array(UUID)}) AS marked
        INNER JOIN (SELECT code, if(kind IN ('stock', 'stock_ratio'), carry_days, 0) AS carry FROM reference_indicators
                    WHERE generation = {generation:UInt32}) AS catalogue ON marked.indicator = catalogue.code
        INNER JOIN (SELECT unit_id, code, valid_from, valid_to FROM reference_units
                    WHERE generation = {generation:UInt32} AND level = 'ward') AS wards ON marked.ward = wards.code
        WHERE date BETWEEN valid_from AND valid_to
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
        FROM (SELECT indicator, member, calendar, period, end FROM touched_cells INNER JOIN reach ON date = day WHERE inside OR age < carry) AS touched
        INNER JOIN (SELECT member, unit, from_end, to_end FROM reference_paths WHERE generation = {generation:UInt32}) AS paths
            ON touched.member = paths.member
        WHERE end BETWEEN from_end AND to_end
    )
SELECT DISTINCT {epoch:UInt32}, indicator, calendar, period, arrayJoin(areas) AS area
FROM touched_wards
INNER JOIN (SELECT ward, areas FROM reference_chains WHERE generation = {generation:UInt32}) AS chains ON unit = ward
