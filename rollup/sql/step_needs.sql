-- Which cells a step needs: of each ward unit whose facts count, the days on which it had its code and a touched row can count them.
-- Of states the last ones are enough, if none was withdrawn, none lies behind the first touched end or the days of the unit, and,
-- where a percent could be asked for, they give a number at every touched end.
INSERT INTO step_needs (epoch, step, indicator, ward, member, first, last, is_last)
WITH
<scope>,
    needs AS
    (
        SELECT indicator, code AS ward, member, greatest(min(first), any(valid_from)) AS first_day, least(max(end), any(valid_to)) AS last_day,
               any(valid_from) AS unit_from, least(min(end), any(valid_to)) AS first_end, max(end) AS last_end
        FROM (SELECT * FROM step_members WHERE epoch = {epoch:UInt32} AND step = {step:UInt32}) AS members
        INNER JOIN wards ON members.member = wards.unit_id
        GROUP BY indicator, ward, member
    ),
    -- Rows that no merge has removed yet are of earlier days, or withdrawn for a time: they only make more days be read.
    known AS
    (
        SELECT indicator, ward, date, is_withdrawn, true AS is_known FROM last_states
        WHERE indexHint((indicator, ward) IN (SELECT indicator, ward FROM needs))
    )
SELECT {epoch:UInt32}, {step:UInt32}, indicator, ward, member, any(first_day), any(last_day),
       min(is_known AND NOT is_withdrawn AND date <= first_end) AND max(date) >= any(unit_from)
           -- What is a flow now may have been a stock before.
           AND (any(kind) = 'stock' OR any(kind) = 'stock_ratio' AND toInt32(any(last_end)) - toInt32(max(date)) < any(carry_days))
FROM needs
INNER JOIN catalogue ON needs.indicator = catalogue.code
LEFT JOIN known USING (indicator, ward)
GROUP BY indicator, ward, member
