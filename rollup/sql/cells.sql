-- Cells of the scope, whole, from the events: the greatest version of each record is effective, a retraction counts for nothing
-- (contract section 2). A cell whose records are all retracted keeps its row, empty. The word in angle brackets says which cells.
INSERT INTO cells
WITH
    record_versions AS
    (
        SELECT indicator, ward, date, source, record,
               argMax(tuple(value, numerator, denominator, percent, retracted, qualifier != 'exact', toString(dimensions)), version) AS fact,
               max(version) AS version,
               uniqExact(version) AS seen
        FROM event_log
        WHERE <events>
        GROUP BY indicator, ward, date, source, record
    ),
    facts AS
    (
        SELECT indicator, ward, date, source, version, seen,
               multiIf(fact.5, 'retracted', fact.4 IS NOT NULL, 'percent', kind IN ('stock', 'stock_ratio'), 'state', 'flow') AS class,
               if(class = 'state', fact.7, '') AS series,
               ifNull(fact.1, 0) AS value, ifNull(fact.2, 0) AS numerator, ifNull(fact.3, 0) AS denominator, ifNull(fact.4, 0) AS percent,
               fact.6 AS qualified
        FROM record_versions
        INNER JOIN (SELECT code, kind FROM reference_indicators WHERE generation = {generation:UInt32}) AS catalogue ON indicator = catalogue.code
    ),
    groups AS
    (
        SELECT indicator, ward, date, source, class, series,
               sum(value) AS value_sum, sum(numerator) AS numerator_sum, sum(denominator) AS denominator_sum,
               count() AS records, max(qualified) AS any_qualified, sum(seen) AS group_seen, max(version) AS top_version,
               argMax(tuple(value, numerator, denominator, percent, qualified), version) AS top
        FROM facts
        GROUP BY indicator, ward, date, source, class, series
    )
SELECT indicator, ward, date,
       sumIf(value_sum, class = 'flow') AS value,
       sumIf(numerator_sum, class = 'flow') AS numerator,
       sumIf(denominator_sum, class = 'flow') AS denominator,
       sumIf(records, class = 'flow') AS records,
       maxIf(any_qualified, class = 'flow') AS qualified,
       arraySort(groupArrayIf(source, class = 'flow')) AS sources,
       arraySort(groupArrayIf(tuple(source, series, top.1, top.2, top.3, top_version, top.5), class = 'state')) AS states,
       arraySort(groupArrayIf(tuple(source, top.4, top_version, top.5), class = 'percent')) AS percents,
       sum(group_seen) AS seen
FROM groups
GROUP BY indicator, ward, date
