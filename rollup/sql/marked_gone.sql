-- Lost rows that marks have touched, stored or not: a statement of whoever worked before may be under way that writes them.
(
    SELECT calendar, period, level, area AS area_id, indicator, '' AS within
    FROM (<lost>) AS lost
    INNER JOIN (SELECT DISTINCT area_id AS area, level FROM reference_areas WHERE generation = {generation:UInt32}) AS levels USING (area)
) AS lost_rows
