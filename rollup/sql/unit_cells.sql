-- Cells of the scope at the units that had their ward codes on their days, no older than a state may be carried.
SELECT indicator, unit_id AS member, date, value, numerator, denominator, records, qualified, cells.sources AS cell_sources, states, percents
FROM
(
    SELECT * FROM cells FINAL
    WHERE indicator IN {indicators:Array(String)}
      AND toInt32(date) >= (SELECT min(least(toInt32(start), toInt32(end) - (SELECT max(toInt32(carry_days)) FROM catalogue))) FROM periods)
      AND date <= (SELECT max(end) FROM periods)
) AS cells
INNER JOIN wards ON cells.ward = wards.code
WHERE date BETWEEN wards.valid_from AND wards.valid_to
