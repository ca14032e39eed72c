-- The months of both calendars that have begun, as days since 1970; a cut-off of 0 is the end of the month.
    months AS
    (
        SELECT calendar, concat(toString(intDiv(n, 12)), '-M', leftPad(toString(n % 12 + 1), 2, '0')) AS month,
               makeDate32(intDiv(n, 12), n % 12 + 1, if(cut_off = 0, 1, cut_off)) AS mark,
               toInt32(if(cut_off = 0, mark, addDays(addMonths(mark, -1), 1))) AS start,
               toInt32(if(cut_off = 0, addDays(addMonths(mark, 1), -1), mark)) AS end,
               toInt32(if(cut_off = 0, addMonths(mark, -1), addDays(addMonths(mark, -2), 1))) AS last_start
        FROM (SELECT cut.1 AS calendar, cut.2 AS cut_off, arrayJoin(range({first_month:UInt32}, {last_month:UInt32} + 2)) AS n
              FROM (SELECT arrayJoin(<cut_offs>) AS cut))
        WHERE start <= toInt32({today:Date32})
    )
