-- What is touched and was not computed: wards, and areas that lie above no computed ward.
SELECT calendar, period, area, indicator FROM <touched wards>
WHERE (calendar, period, area, indicator) NOT IN (SELECT calendar, period, ward, indicator FROM <computed>)
UNION ALL
SELECT calendar, period, area, indicator FROM <touched areas>
WHERE (calendar, period, area, indicator) NOT IN (SELECT calendar, period, area, indicator FROM (<areas above>))
