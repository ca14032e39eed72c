-- The rows of wards, from the cells, as ward_rows. The words in angle brackets are conditions: true, or where only touched
-- rows are asked for, what these need.
    paths AS
    (
        SELECT member, unit, from_end, to_end, approximate, later FROM reference_paths WHERE generation = {generation:UInt32}
    ),
    sources AS (SELECT source, priority FROM reference_sources WHERE generation = {generation:UInt32}),

    unit_cells AS (<cells>),

    -- Flows: every fact dated in the period, at the unit that its own unit has become by the end. All days between two
    -- bounds of periods count in the same periods, so they are added up first.
    bounds AS (SELECT DISTINCT 0 AS one, arrayJoin([start, addDays(end, 1)]) AS bound FROM periods),
    day_stretches AS
    (
        SELECT day, bound AS stretch
        FROM (SELECT 0 AS one, addDays(min(start), arrayJoin(range(toUInt32(toInt32(max(end)) - toInt32(min(start)) + 1)))) AS day FROM periods) AS days
        ASOF INNER JOIN bounds ON days.one = bounds.one AND day >= bound
    ),
    stretch_periods AS (SELECT bound AS stretch, calendar, period, end FROM bounds CROSS JOIN periods WHERE bound BETWEEN start AND end),
    flow_stretches AS
    (
        SELECT indicator, member, stretch,
               sum(value) AS value, sum(numerator) AS numerator, sum(denominator) AS denominator, sum(records) AS records,
               max(qualified) AS qualified, max(date) AS as_of, groupUniqArrayArray(cell_sources) AS source_set
        FROM (SELECT * FROM unit_cells WHERE indicator IN (SELECT code FROM catalogue WHERE kind IN ('flow', 'flow_ratio')) AND records > 0) AS cells
        INNER JOIN day_stretches ON cells.date = day_stretches.day
        GROUP BY indicator, member, stretch
    ),
    flow_members AS
    (
        SELECT calendar, period, end, indicator, member,
               sum(value) AS value, sum(numerator) AS numerator, sum(denominator) AS denominator, sum(records) AS records,
               max(qualified) AS qualified, max(as_of) AS as_of, groupUniqArrayArray(source_set) AS source_set
        FROM flow_stretches INNER JOIN stretch_periods ON flow_stretches.stretch = stretch_periods.stretch
        WHERE <periods of members>
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
        FROM (SELECT * FROM unit_cells WHERE indicator IN (SELECT code FROM catalogue WHERE kind IN ('stock', 'stock_ratio'))) AS cells
        ARRAY JOIN states AS state
    ),
    series_ends AS
    (
        SELECT indicator, member, source, series, carry_days, end
        FROM (SELECT indicator, member, source, series, min(date) AS first, max(date) AS last FROM state_facts GROUP BY indicator, member, source, series) AS known
        INNER JOIN catalogue ON known.indicator = catalogue.code
        CROSS JOIN (SELECT DISTINCT end FROM periods) AS ends
        WHERE end >= first AND toInt32(end) - toInt32(last) < carry_days AND <ends of members>
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
        SELECT indicator, member, end,
               tuple(sumArgMin(value, priority), sumArgMin(numerator, priority), sumArgMin(denominator, priority), countArgMin(priority),
                     maxArgMin(qualified, priority), maxArgMin(date, priority), minArgMin(date, priority), anyArgMin(candidates.source, priority)) AS authoritative
        FROM candidates INNER JOIN sources ON candidates.source = sources.source
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
            FROM (SELECT indicator, member, date, percents FROM unit_cells
                  WHERE indicator IN (SELECT code FROM catalogue WHERE kind IN ('flow_ratio', 'stock_ratio')) AND notEmpty(percents)) AS cells
            INNER JOIN day_stretches ON cells.date = day_stretches.day
            INNER JOIN stretch_periods ON day_stretches.stretch = stretch_periods.stretch
            ARRAY JOIN percents AS stated
        ) AS facts
        INNER JOIN sources ON facts.stated.source = sources.source
        INNER JOIN wards ON facts.member = wards.unit_id
        WHERE end BETWEEN wards.valid_from AND wards.valid_to AND <periods of members>
        GROUP BY calendar, period, indicator, ward
    ),
    numbered_rows AS
    (
        SELECT *, true AS has_number FROM flow_rows
        UNION ALL
        SELECT calendar, period, indicator, ward, value, numerator, denominator, records, qualified, as_of, source_set, carried, approximate, true
        FROM state_rows
    ),
    ward_rows AS
    (
        SELECT calendar, period, indicator, ward, has_number, value, numerator, denominator,
               if(has_number, records, 1) AS records, if(has_number, numbered_rows.qualified, top.3) AS qualified,
               if(has_number, numbered_rows.as_of, top.2) AS as_of, if(has_number, source_set, [top.4]) AS source_set, carried, approximate,
               if(has_number, toDecimal128(0, 6), top.1) AS stated
        FROM numbered_rows FULL JOIN stated_rows USING (calendar, period, indicator, ward)
    )
