-- A series of a source whose number changed by more than a factor from one day with a statement to the next within carry_days.
-- Numbers below 1 count as 1: from nothing to a few is no jump, from thousands to nothing is one.
WITH
    <observations>,
    neighbours AS
    (
        SELECT *, lagInFrame(at, 1, -1000000) OVER of_series AS at_before, lagInFrame(date) OVER of_series AS date_before,
               lagInFrame(value) OVER of_series AS value_before,
               lagInFrame(upper) OVER of_series AS upper_before, lagInFrame(lower) OVER of_series AS lower_before
        FROM observations
        WINDOW of_series AS (PARTITION BY indicator, unit_id, who, series ORDER BY at ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)
    )
SELECT indicator, ward, date AS day, concat(indicator, ' ', unit_id, ' ', who, if(series = '{}', '', concat(' ', series))) AS subject,
       toString(date) AS period,
       if(lower = 0 AND lower_before = 0 AND upper = 0 AND upper_before = 0,
          concat('from ', toString(value_before), ' on ', toString(date_before), ' to ', toString(value)),
          concat('from ', toString(upper_before), ' / ', toString(lower_before), ' on ', toString(date_before), ' to ', toString(upper), ' / ',
                 toString(lower))) AS detail
FROM neighbours
WHERE at BETWEEN lo AND hi AND at - at_before < carry
  AND arrayExists((new, old) -> greatest(new, old) > {jump_factor:UInt32} * least(new, old),
                  arrayMap(n -> greatest(toInt256(reinterpretAsInt128(n)), toInt256(1000000)), [value, upper, lower]),
                  arrayMap(n -> greatest(toInt256(reinterpretAsInt128(n)), toInt256(1000000)), [value_before, upper_before, lower_before]))
