-- What is stored of touched rows that a step has not computed: gone, unless their areas have other wards.
rollup_rows FINAL WHERE NOT gone AND (calendar, period, area_id, indicator) IN
(
    SELECT calendar, period, area, indicator FROM <touched wards>
    WHERE (calendar, period, area, indicator) NOT IN (SELECT calendar, period, ward, indicator FROM <computed>)
    UNION ALL
    SELECT calendar, period, area, indicator FROM <touched areas>
    WHERE (calendar, period, area, indicator) NOT IN (SELECT calendar, period, area, indicator FROM (<areas above>))
)
