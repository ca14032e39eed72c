-- The sums of wards by the area next above them.
SELECT calendar, period, indicator, above[2] AS within, <sums>
FROM ward_rows INNER JOIN areas_above ON ward_rows.ward = areas_above.area
GROUP BY calendar, period, indicator, within
