-- Rows of contract section 6, of wards and of the areas above them, from ward_rows. The words in angle brackets are sums of all
-- wards, or those that touched areas need.
    -- Areas are sums over their wards' rows; what tells about numbers comes from wards with a number alone. Rows are added up
    -- under the area next above them, and those sums under all areas above.
    chains AS (SELECT ward, areas FROM reference_chains WHERE generation = {generation:UInt32}),
    areas_above AS
    (
        SELECT area, any(arraySlice(areas, place)) AS above FROM chains ARRAY JOIN areas AS area, arrayEnumerate(areas) AS place GROUP BY area
    ),
    nearest_sums AS
    (
        <nearest sums>
    ),
    area_sums AS
    (
        SELECT calendar, period, indicator, ward AS area, above[2] AS within, toUInt64(has_number) AS wards_reporting, toUInt64(NOT has_number) AS wards_percent_only,
               value, numerator, denominator, records, qualified, toNullable(as_of) AS as_of, source_set, carried, approximate,
               if(has_number, NULL, stated) AS stated_percent
        FROM ward_rows INNER JOIN areas_above ON ward_rows.ward = areas_above.area
        UNION ALL
        SELECT calendar, period, indicator, areas_above.above[place] AS area, areas_above.above[place + 1] AS within, sum(reporting), sum(percent_only),
               sum(value), sum(numerator), sum(denominator), sum(records), max(qualified), max(as_of), groupUniqArrayArray(source_set),
               max(carried), max(approximate), NULL
        FROM (SELECT *, within AS nearest FROM nearest_sums) AS sums
        INNER JOIN areas_above ON sums.nearest = areas_above.area
        ARRAY JOIN arrayEnumerate(areas_above.above) AS place
        GROUP BY calendar, period, indicator, areas_above.above[place], areas_above.above[place + 1]
    ),

    -- Targets by the row that they name: the nearest area wins, then the most specific period (contract section 7).
    target_rules AS
    (
        SELECT indicator, calendar, area, groupArray(tuple(distance, pattern, comparison, number)) AS rules
        FROM
        (
            SELECT indicator, calendar, area_id AS area, 0 AS distance, period AS pattern, comparison, number
            FROM reference_targets WHERE generation = {generation:UInt32} AND scope = 'self'
            UNION ALL
            SELECT indicator, calendar, ward, position, period, comparison, number
            FROM (SELECT ward, above, toInt64(place) - 1 AS position FROM chains ARRAY JOIN areas AS above, arrayEnumerate(areas) AS place WHERE place > 1) AS wards_below
            INNER JOIN reference_targets AS targets ON wards_below.above = targets.area_id
            WHERE targets.generation = {generation:UInt32} AND targets.scope = 'wards'
        )
        GROUP BY indicator, calendar, area
    ),
    judged AS
    (
        SELECT area_sums.calendar AS calendar, area_sums.period AS period, area_sums.indicator AS indicator, area_sums.area AS area,
               area_sums.within AS within, wards_reporting, wards_percent_only, value, numerator, denominator, records, qualified, as_of, source_set, carried, approximate, stated_percent,
               periods.start AS start, periods.end AS end, catalogue.kind AS kind,
               arrayFirst(r -> true, arraySort(r -> (r.1, indexOf(periods.patterns, r.2)), arrayFilter(r -> has(periods.patterns, r.2), target_rules.rules))) AS rule,
               toInt256(reinterpretAsInt128(numerator)) AS upper, toInt256(reinterpretAsInt128(denominator)) AS lower,
               toInt256(reinterpretAsInt128(rule.4)) AS bound,
               kind IN ('flow_ratio', 'stock_ratio') AS is_ratio, wards_reporting > 0 AS has_number
        FROM area_sums
        INNER JOIN periods ON area_sums.calendar = periods.calendar AND area_sums.period = periods.period
        INNER JOIN catalogue ON area_sums.indicator = catalogue.code
        LEFT JOIN target_rules ON area_sums.indicator = target_rules.indicator AND area_sums.calendar = target_rules.calendar AND area_sums.area = target_rules.area
    ),
    -- All in units of 10^-6 and whole numbers: a percent is compared as 100 * upper against bound * lower, never rounded.
    measured AS
    (
        SELECT *,
               intDiv(upper * 20000 + lower, 2 * greatest(lower, 1)) AS half_up,
               multiIf(half_up >= 10000 AND upper < lower, toInt256(9999), half_up = 0 AND upper > 0, toInt256(1), half_up) AS hundredths,
               multiIf(has_number AND NOT is_ratio, toInt256(reinterpretAsInt128(value)),
                       has_number AND lower > 0, upper * 100000000,
                       toInt256(reinterpretAsInt128(ifNull(stated_percent, 0)))) AS reached,
               if(has_number AND is_ratio AND lower > 0, bound * lower, bound) AS wanted,
               (has_number AND (NOT is_ratio OR lower > 0)) OR stated_percent IS NOT NULL AS comparable
        FROM judged
    )
SELECT
    measured.calendar AS calendar, measured.period AS period, measured.start AS period_start, measured.end AS period_end,
    areas.level AS level, measured.within AS within, areas.code AS area_code, measured.area AS area_id, areas.name AS area_name, measured.indicator AS indicator,
    measured.kind AS kind,
    if(has_number AND NOT is_ratio, measured.value, NULL) AS value,
    if(has_number AND is_ratio, measured.numerator, NULL) AS numerator,
    if(has_number AND is_ratio, measured.denominator, NULL) AS denominator,
    if(has_number AND is_ratio AND lower > 0, toDecimal256(hundredths, 2) / 100, NULL) AS percent,
    measured.stated_percent AS stated_percent, measured.as_of AS as_of,
    measured.carried AS carried, measured.approximate AS approximate, measured.qualified AS qualified, measured.records AS records,
    arraySort(measured.source_set) AS source_set,
    toUInt32(measured.wards_reporting) AS wards_reporting, toUInt32(measured.wards_percent_only) AS wards_percent_only, areas.expected AS wards_expected,
    if(rule.2 = '', NULL, rule.4) AS target,
    multiIf(rule.2 = '' OR NOT comparable, '',
            (rule.3 = '>=' AND reached >= wanted) OR (rule.3 = '<=' AND reached <= wanted) OR (rule.3 = '=' AND reached = wanted), 'met',
            'not_met') AS status
FROM measured
INNER JOIN (SELECT area_id, code, level, name, expected, from_end, to_end FROM reference_areas WHERE generation = {generation:UInt32}) AS areas
    ON measured.area = areas.area_id
WHERE measured.end BETWEEN areas.from_end AND areas.to_end
