-- The touched rows of wards, from the cells of their members.
INSERT INTO summands (calendar, period, indicator, within, ward, has_number, value, numerator, denominator, records, qualified, as_of, source_set,
                      carried, approximate, stated, gone, version)
WITH
<scope>,
<wards>
SELECT calendar, period, indicator, areas[2], ward, has_number, value, numerator, denominator, records, qualified, as_of, source_set, carried,
       approximate, stated, false, {version:UInt64}
FROM ward_rows
INNER JOIN (SELECT ward, areas FROM reference_chains WHERE generation = {generation:UInt32}) AS chains USING (ward)
-- A state is found for an end, which periods share that are not all touched.
WHERE (indicator, calendar, period, ward) IN (SELECT indicator, calendar, period, area FROM <touched wards>)
