-- Which cells a step needs: of each ward unit whose facts count, the days on which it had its code and a touched row can count them.
INSERT INTO step_needs (epoch, step, indicator, ward, member, first, last)
WITH
<scope>
SELECT {epoch:UInt32}, {step:UInt32}, indicator, code, member, greatest(min(first), any(valid_from)), least(max(end), any(valid_to))
FROM (SELECT * FROM step_members WHERE epoch = {epoch:UInt32} AND step = {step:UInt32}) AS members
INNER JOIN wards ON members.member = wards.unit_id
GROUP BY indicator, code, member
