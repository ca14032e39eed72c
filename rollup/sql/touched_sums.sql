-- The sums of wards by the touched area next above them, and what is stored of areas that are not touched. The condition on
-- numbers only finds the places to read: what else lies there is added up, too, and then not asked for, which is quicker than to
-- look at each row. Of the areas that are not touched those of other indicators are left before the other columns are read.
SELECT calendar, period, indicator, area AS within, reporting, percent_only, value, numerator, denominator, records, qualified, as_of,
       source_set, carried, approximate
FROM
(
    SELECT period_number, area_number, <sums>
    FROM summands FINAL
    WHERE indexHint((period_number, area_number) IN (SELECT period_number, area_number FROM <touched areas>))
      AND NOT gone
    GROUP BY period_number, area_number
) AS sums
INNER JOIN
(
    SELECT DISTINCT calendar, period, indicator, area, period_number, area_number FROM <touched areas>
) AS asked USING (period_number, area_number)
UNION ALL
SELECT calendar, period, indicator, within, toUInt64(wards_reporting), toUInt64(wards_percent_only),
       ifNull(value, 0), ifNull(numerator, 0), ifNull(denominator, 0), if(wards_reporting > 0, records, 0), wards_reporting > 0 AND qualified,
       if(wards_reporting > 0, as_of, NULL), if(wards_reporting > 0, source_set, []), wards_reporting > 0 AND carried,
       wards_reporting > 0 AND approximate
FROM rollup_rows FINAL
PREWHERE indicator IN {indicators:Array(String)}
WHERE indexHint((calendar, period) IN (SELECT calendar, period FROM <touched areas>)) AND level IN ('district', 'province') AND NOT gone
  AND (calendar, period, indicator, within) IN (SELECT calendar, period, indicator, area FROM <touched areas>)
  AND (calendar, period, indicator, area_id) NOT IN (SELECT calendar, period, indicator, area FROM <touched areas>)
