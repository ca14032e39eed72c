-- Whose facts count for the touched ward rows of a step, and from which day on: the units that have become their wards by the
-- end of the period, as far as facts of them can be young enough.
INSERT INTO step_members (epoch, step, indicator, member, calendar, period, first, end)
WITH
<scope>
SELECT DISTINCT {epoch:UInt32}, {step:UInt32}, indicator, member, touched.calendar AS calendar, touched.period AS period,
       if(kind IN ('stock', 'stock_ratio'),
          least(periods.start, toDate32(greatest(toInt32(periods.end) - toInt32(carry_days) + 1, toInt32(toDate32('1900-01-01'))))), periods.start) AS first,
       periods.end AS end
FROM (SELECT indicator, calendar, period, area FROM <touched wards>) AS touched
INNER JOIN catalogue ON touched.indicator = catalogue.code
INNER JOIN periods ON touched.calendar = periods.calendar AND touched.period = periods.period
INNER JOIN (SELECT member, unit, from_end, to_end FROM reference_paths WHERE generation = {generation:UInt32}) AS paths ON touched.area = paths.unit
INNER JOIN wards ON paths.member = wards.unit_id
WHERE periods.end BETWEEN from_end AND to_end
  AND wards.valid_to >= first
