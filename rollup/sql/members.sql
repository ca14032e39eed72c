-- Whose facts count for the touched ward rows of a step: the units that have become their wards by the end of the period, as far
-- as facts of them can be young enough.
INSERT INTO step_members (epoch, step, indicator, member, calendar, period, end)
WITH
<scope>
SELECT DISTINCT {epoch:UInt32}, {step:UInt32}, indicator, member, touched.calendar AS calendar, touched.period AS period, periods.end AS end
FROM (SELECT indicator, calendar, period, area FROM <touched>) AS touched
INNER JOIN catalogue ON touched.indicator = catalogue.code
INNER JOIN periods ON touched.calendar = periods.calendar AND touched.period = periods.period
INNER JOIN
(
    SELECT member, unit, from_end, to_end, valid_to AS last_day
    FROM (SELECT member, unit, from_end, to_end FROM reference_paths WHERE generation = {generation:UInt32}) AS paths
    INNER JOIN (SELECT unit_id, valid_to FROM reference_units WHERE generation = {generation:UInt32} AND level = 'ward') AS wards ON member = unit_id
) AS paths ON touched.area = paths.unit
WHERE periods.end BETWEEN from_end AND to_end
  AND toInt32(last_day) >= least(toInt32(periods.start), toInt32(periods.end) - toInt32(carry_days))
