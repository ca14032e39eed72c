-- Cells of the scope, whole, from the events: the greatest version of each record is effective, a retraction counts for nothing
-- (contract section 2). A cell whose records are all retracted keeps its row, empty. The word in angle brackets says which cells.
INSERT INTO cells
WITH
    catalogue AS (SELECT code, kind FROM reference_indicators WHERE generation = {generation:UInt32}),
    with_states AS (SELECT code FROM catalogue WHERE kind IN ('stock', 'stock_ratio')),
    record_versions AS
    (
        SELECT indicator, ward, date, source, record,
               argMax(tuple(value, numerator, denominator, percent, retracted, qualifier != 'exact', toString(dimensions)), version) AS fact,
               max(version) AS version,
               -- Series of states, of all versions.
               groupUniqArrayIf(toString(dimensions), NOT retracted AND percent IS NULL AND indicator IN (SELECT code FROM with_states)) AS stated,
               max(NOT retracted AND percent IS NOT NULL) AS had_percent,
               length(arrayDistinct(groupArray(version))) AS seen
        FROM event_log
        WHERE <events>
        GROUP BY indicator, ward, date, source, record
    ),
    facts AS
    (
        SELECT indicator, ward, date, source, version, seen, stated, had_percent,
               multiIf(fact.5, 'retracted', fact.4 IS NOT NULL, 'percent', kind IN ('stock', 'stock_ratio'), 'state', 'flow') AS class,
               if(class = 'state', fact.7, '') AS series,
               ifNull(fact.1, 0) AS value, ifNull(fact.2, 0) AS numerator, ifNull(fact.3, 0) AS denominator, ifNull(fact.4, 0) AS percent,
               fact.6 AS qualified
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
           sumIf(facts.value, class = 'flow') AS value,
           sumIf(facts.numerator, class = 'flow') AS numerator,
           sumIf(facts.denominator, class = 'flow') AS denominator,
           countIf(class = 'flow') AS records,
           maxIf(facts.qualified, class = 'flow') AS qualified,
           arraySort(groupUniqArrayIf(source, class = 'flow')) AS sources,
           -- Greatest versions first: of each source and series the first is the state, of each source the first the percent.
           arrayReverseSort(s -> s.6, groupArrayIf(tuple(source, series, facts.value, facts.numerator, facts.denominator, version, facts.qualified), class = 'state')) AS all_states,
           arrayReverseSort(p -> p.3, groupArrayIf(tuple(source, percent, version, facts.qualified), class = 'percent')) AS all_percents,
           -- What has one version alone is effective, unless it is a retraction.
           groupArrayIf(arrayMap(s -> (toString(source), s), stated), facts.seen > 1) AS all_stated,
           max(facts.had_percent) AS had_percent,
           sum(facts.seen) AS seen
    FROM facts
    GROUP BY indicator, ward, date
)
