-- Rows of contract section 6 for the periods and indicators of the scope, from the cells.
WITH
    periods AS
    (
        SELECT calendar, period, start, end, patterns
        FROM format(JSONEachRow, 'calendar String, period String, start Date32, end Date32, patterns Array(String)', {periods:String})
    ),
    wards AS
    (
        SELECT unit_id, code, valid_from, valid_to FROM reference_units
        WHERE generation = {generation:UInt32} AND level = 'ward'
    ),
    paths AS
    (
        SELECT member, unit, from_end, to_end, approximate, later FROM reference_paths WHERE generation = {generation:UInt32}
    ),
    sources AS (SELECT source, priority FROM reference_sources WHERE generation = {generation:UInt32}),
    catalogue AS (SELECT code, kind, carry_days FROM reference_indicators WHERE generation = {generation:UInt32}),

    -- A fact belongs to the unit that had its ward code on its date.
    unit_cells AS
    (
        SELECT indicator, unit_id AS member, date, value, numerator, denominator, records, qualified, cells.sources AS cell_sources, states, percents
        FROM (SELECT * FROM cells FINAL WHERE indicator IN {indicators:Array(String)}) AS cells
        INNER JOIN wards ON cells.ward = wards.code
        WHERE date BETWEEN wards.valid_from AND wards.valid_to
    ),
    period_days AS
    (
        SELECT calendar, period, end, arrayJoin(arrayMap(n -> addDays(start, n), range(toUInt32(toInt32(end) - toInt32(start) + 1)))) AS day FROM periods
    ),

    -- Flows: every fact dated in the period, at the unit that its own unit has become by the end.
    flow_members AS
    (
        SELECT calendar, period, end, indicator, member,
               sum(value) AS value, sum(numerator) AS numerator, sum(denominator) AS denominator, sum(records) AS records,
               max(qualified) AS qualified, max(date) AS as_of, groupUniqArrayArray(cell_sources) AS source_set
        FROM (SELECT * FROM unit_cells WHERE records > 0) AS cells
        INNER JOIN period_days ON cells.date = period_days.day
        GROUP BY calendar, period, end, indicator, member
    ),
    flow_rows AS
    (
        SELECT calendar, period, indicator, paths.unit AS ward,
               sum(value) AS value, sum(numerator) AS numerator, sum(denominator) AS denominator, sum(records) AS records,
               max(qualified) AS qualified, max(as_of) AS as_of, groupUniqArrayArray(source_set) AS source_set,
               false AS carried, max(paths.approximate) AS approximate
        FROM flow_members INNER JOIN paths ON flow_members.member = paths.member
        WHERE end BETWEEN paths.from_end AND paths.to_end
        GROUP BY calendar, period, indicator, ward
    ),

    -- States: of each series the latest at the end, if it is younger than carry_days.
    state_facts AS
    (
        SELECT indicator, member, date, state.source AS source, state.series AS series, state.value AS value, state.numerator AS numerator,
               state.denominator AS denominator, state.qualified AS qualified
        FROM unit_cells ARRAY JOIN states AS state
    ),
    series_ends AS
    (
        SELECT indicator, member, source, series, carry_days, end
        FROM (SELECT indicator, member, source, series, min(date) AS first, max(date) AS last FROM state_facts GROUP BY indicator, member, source, series) AS known
        INNER JOIN catalogue ON known.indicator = catalogue.code
        CROSS JOIN (SELECT DISTINCT end FROM periods) AS ends
        WHERE end >= first AND toInt32(end) - toInt32(last) < carry_days
    ),
    candidates AS
    (
        SELECT series_ends.indicator AS indicator, series_ends.member AS member, series_ends.end AS end, series_ends.source AS source,
               state_facts.date AS date, value, numerator, denominator, qualified
        FROM series_ends
        ASOF INNER JOIN state_facts
            ON series_ends.indicator = state_facts.indicator AND series_ends.member = state_facts.member
            AND series_ends.source = state_facts.source AND series_ends.series = state_facts.series AND series_ends.end >= state_facts.date
        WHERE toInt32(series_ends.end) - toInt32(state_facts.date) < carry_days
    ),
    -- One source is authoritative per unit: the one with the least priority that has a candidate.
    member_states AS
    (
        SELECT indicator, member, end, argMin(state, priority) AS authoritative
        FROM
        (
            SELECT indicator, member, end, sources.priority AS priority,
                   tuple(sum(value), sum(numerator), sum(denominator), count(), max(qualified), max(date), min(date), any(candidates.source)) AS state
            FROM candidates INNER JOIN sources ON candidates.source = sources.source
            GROUP BY indicator, member, end, priority
        )
        GROUP BY indicator, member, end
    ),
    -- A predecessor counts until a later unit on its way has a candidate of its own.
    state_members AS
    (
        SELECT indicator, ward, end, counted.1 AS state, counted.2 AS approximate
        FROM
        (
            SELECT indicator, paths.unit AS ward, end,
                   groupArray(tuple(authoritative, paths.approximate, paths.later)) AS members,
                   groupArray(member_states.member) AS speaking
            FROM member_states INNER JOIN paths ON member_states.member = paths.member
            WHERE end BETWEEN paths.from_end AND paths.to_end
            GROUP BY indicator, ward, end
        )
        ARRAY JOIN arrayFilter(m -> NOT hasAny(m.3, speaking), members) AS counted
    ),
    state_ends AS
    (
        SELECT indicator, ward, end,
               sum(state.1) AS value, sum(state.2) AS numerator, sum(state.3) AS denominator, sum(state.4) AS records, max(state.5) AS qualified,
               max(state.6) AS as_of, min(state.7) AS oldest, groupUniqArray(state.8) AS source_set, max(approximate) AS any_approximate
        FROM state_members
        GROUP BY indicator, ward, end
    ),
    state_rows AS
    (
        SELECT periods.calendar AS calendar, periods.period AS period, indicator, ward, value, numerator, denominator, records, qualified, as_of,
               source_set, oldest < periods.start AS carried, any_approximate AS approximate
        FROM state_ends INNER JOIN periods ON state_ends.end = periods.end
    ),

    -- Percent-only facts stay with their own unit and show only where there is no number.
    stated_rows AS
    (
        SELECT calendar, period, indicator, member AS ward,
               argMax(tuple(stated.percent, date, stated.qualified, stated.source), tuple(-toInt64(sources.priority), date, stated.version)) AS top
        FROM
        (
            SELECT calendar, period, end, indicator, member, date, stated
            FROM (SELECT indicator, member, date, percents FROM unit_cells WHERE notEmpty(percents)) AS cells
            INNER JOIN period_days ON cells.date = period_days.day
            ARRAY JOIN percents AS stated
        ) AS facts
        INNER JOIN sources ON facts.stated.source = sources.source
        INNER JOIN wards ON facts.member = wards.unit_id
        WHERE end BETWEEN wards.valid_from AND wards.valid_to
        GROUP BY calendar, period, indicator, ward
    ),
    ward_rows AS
    (
        SELECT calendar, period, indicator, ward, max(numbered) AS has_number, argMax(row, numbered) AS best
        FROM
        (
            SELECT calendar, period, indicator, ward, 1 AS numbered,
                   tuple(value, numerator, denominator, records, qualified, as_of, source_set, carried, approximate, toDecimal128(0, 6)) AS row
            FROM (SELECT * FROM flow_rows UNION ALL SELECT calendar, period, indicator, ward, value, numerator, denominator, records, qualified, as_of, source_set, carried, approximate FROM state_rows)
            UNION ALL
            SELECT calendar, period, indicator, ward, 0,
                   tuple(toDecimal128(0, 6), toDecimal128(0, 6), toDecimal128(0, 6), toUInt64(1), top.3, top.2, [top.4], false, false, top.1)
            FROM stated_rows
        )
        GROUP BY calendar, period, indicator, ward
    ),

    -- Areas are sums over their wards' rows; what tells about numbers comes from wards with a number alone.
    chains AS (SELECT ward, areas FROM reference_chains WHERE generation = {generation:UInt32}),
    area_sums AS
    (
        SELECT calendar, period, indicator, area,
               countIf(has_number = 1) AS wards_reporting, countIf(has_number = 0) AS wards_percent_only,
               sum(best.1) AS value, sum(best.2) AS numerator, sum(best.3) AS denominator,
               sumIf(best.4, counts) AS records, maxIf(best.5, counts) AS qualified, maxOrNullIf(best.6, counts) AS as_of,
               groupUniqArrayArrayIf(best.7, counts) AS source_set, maxIf(best.8, counts) AS carried, maxIf(best.9, counts) AS approximate,
               maxOrNullIf(best.10, has_number = 0 AND area = ward) AS stated_percent
        FROM
        (
            SELECT calendar, period, indicator, ward_rows.ward AS ward, has_number, best, area, has_number = 1 OR area = ward_rows.ward AS counts
            FROM ward_rows INNER JOIN chains ON ward_rows.ward = chains.ward
            ARRAY JOIN areas AS area
        )
        GROUP BY calendar, period, indicator, area
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
               wards_reporting, wards_percent_only, value, numerator, denominator, records, qualified, as_of, source_set, carried, approximate, stated_percent,
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
    areas.level AS level, areas.code AS area_code, measured.area AS area_id, areas.name AS area_name, measured.indicator AS indicator,
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
