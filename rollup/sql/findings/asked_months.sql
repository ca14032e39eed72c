-- The wards that may be expected to have reported in an ended month: those that a changed fact counts for, of this month or the last.
    <months>,
    month_days AS
    (
        SELECT calendar, month, start, end, last_start, toInt32(arrayJoin(range(toUInt32(last_start + 100000), toUInt32(end + 100001))) - 100000) AS at
        FROM months WHERE end + {grace:Int32} < toInt32({today:Date32})
    ),
    wards AS (SELECT unit_id, code, valid_from, valid_to FROM reference_units WHERE generation = {generation:UInt32} AND level = 'ward'),
    paths AS (SELECT member, unit, toInt32(from_end) AS from_end, toInt32(to_end) AS to_end FROM reference_paths WHERE generation = {generation:UInt32}),
    expected AS
    (
        SELECT DISTINCT indicator, unit, calendar, month, start, end, last_start
        FROM (SELECT indicator, unit_id, toInt32(date) AS at FROM (<cells>) AS changed INNER JOIN wards ON changed.ward = wards.code
              WHERE date BETWEEN valid_from AND valid_to) AS changed
        INNER JOIN month_days ON changed.at = month_days.at
        INNER JOIN paths ON changed.unit_id = paths.member
        WHERE end BETWEEN from_end AND to_end
    )
