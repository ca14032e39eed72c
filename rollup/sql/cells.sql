-- Cells of the scope, whole, from the events: the greatest version of each record is effective, a retraction counts for nothing
-- (contract section 2). A cell whose records are all retracted keeps its row, empty. A `SELECT`; the word in angle brackets says which cells.
WITH
    catalogue AS (SELECT code, kind FROM reference_indicators WHERE generation = {generation:UInt32}),
    with_states AS (SELECT code FROM catalogue WHERE kind IN ('stock', 'stock_ratio')),
    -- A statement has one number, or two parts, or a percent, or nothing if it is a retraction; each field by itself, since the greatest
    -- of tuples takes half as long again.
    record_versions AS
    (
        SELECT indicator, ward, date, source, record, max(version) AS version,
               argMax(CAST(multiIf(retracted, 'nothing', percent IS NOT NULL, 'percent', numerator IS NOT NULL, 'parts', 'value'),
                           'Enum8(\'nothing\', \'percent\', \'parts\', \'value\')'), version) AS given,
               argMax(coalesce(value, numerator, percent, 0), version) AS number,
               argMax(ifNull(event_log.denominator, 0), version) AS denominator,
               argMax(qualifier != 'exact', version) AS qualified,
               argMaxIf(toString(dimensions), version, indicator IN (SELECT code FROM with_states)) AS series,
               -- Series of states, of all versions.
               groupArrayIf(toString(dimensions), NOT retracted AND percent IS NULL AND indicator IN (SELECT code FROM with_states)) AS stated,
               max(NOT retracted AND percent IS NOT NULL) AS had_percent,
               length(arrayDistinct(groupArray(version))) AS seen
        FROM event_log
        WHERE <events>
        GROUP BY indicator, ward, date, source, record
    ),
    facts AS
    (
        SELECT indicator, ward, date, source, version, seen, had_percent, series, number, denominator, qualified,
               given IN ('value', 'parts') AND kind IN ('stock', 'stock_ratio') AS is_state,
               given IN ('value', 'parts') AND kind NOT IN ('stock', 'stock_ratio') AS is_flow,
               given = 'percent' AS is_percent,
               if(given = 'value', number, 0) AS value, if(given = 'parts', number, 0) AS numerator,
               -- What has one version alone is effective, unless it is a retraction.
               if(seen > 1, stated, []) AS replaced
        FROM record_versions
        INNER JOIN catalogue ON indicator = catalogue.code
    )
SELECT indicator, ward, date, value, numerator, denominator, records, qualified, sources,
       arraySort(arrayFilter((s, n) -> n = 1, all_states, arrayEnumerateUniq(all_states.1, all_states.2))) AS states,
       arraySort(arrayFilter((p, n) -> n = 1, all_percents, arrayEnumerateUniq(all_percents.1))) AS percents,
       arraySort(arrayFilter(k -> NOT has(arrayMap(s -> (s.1, s.2), all_states), k), arrayDistinct(arrayFlatten(all_stated)))) AS withdrawn,
       had_percent, seen
FROM
(
    SELECT indicator, ward, date,
           sumIf(facts.value, is_flow) AS value,
           sumIf(facts.numerator, is_flow) AS numerator,
           sumIf(facts.denominator, is_flow) AS denominator,
           countIf(is_flow) AS records,
           maxIf(facts.qualified, is_flow) AS qualified,
           arraySort(groupUniqArrayIf(source, is_flow)) AS sources,
           -- Greatest versions first: of each source and series the first is the state, of each source the first the percent.
           arrayReverseSort(s -> s.6, groupArrayIf(tuple(source, series, facts.value, facts.numerator, facts.denominator, version, facts.qualified), is_state)) AS all_states,
           arrayReverseSort(p -> p.3, groupArrayIf(tuple(source, number, version, facts.qualified), is_percent)) AS all_percents,
           groupArrayIf(arrayMap(s -> (toString(source), s), replaced), notEmpty(replaced)) AS all_stated,
           max(facts.had_percent) AS had_percent,
           sum(facts.seen) AS seen
    FROM facts
    GROUP BY indicator, ward, date
)
