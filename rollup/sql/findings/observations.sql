-- States of the wards looked at, each at its unit, from carry_days before the first day that changed to carry_days after the last.
    looked_at AS
    (
        SELECT indicator, ward, toInt32(min(date)) AS lo, toInt32(max(date)) + toInt32(any(carry_days)) - 1 AS hi, toInt32(any(carry_days)) AS carry
        FROM (<cells>) AS changed
        INNER JOIN (SELECT code, carry_days FROM reference_indicators WHERE generation = {generation:UInt32} AND kind IN ('stock', 'stock_ratio')) AS catalogue
            ON changed.indicator = catalogue.code
        GROUP BY indicator, ward
    ),
    observations AS
    (
        SELECT stated.indicator AS indicator, stated.ward AS ward, unit_id, date, toInt32(date) AS at, lo, hi, carry,
               state.source AS who, state.series AS series, state.value AS value, state.numerator AS upper, state.denominator AS lower
        FROM (SELECT indicator, ward, date, state FROM (SELECT * FROM cells FINAL WHERE (indicator, ward) IN (SELECT indicator, ward FROM looked_at)) AS cells
              ARRAY JOIN states AS state) AS stated
        INNER JOIN looked_at ON stated.indicator = looked_at.indicator AND stated.ward = looked_at.ward
        INNER JOIN (SELECT unit_id, code, valid_from, valid_to FROM reference_units WHERE generation = {generation:UInt32} AND level = 'ward') AS wards
            ON stated.ward = wards.code
        WHERE date BETWEEN valid_from AND valid_to AND toInt32(date) > lo - carry AND toInt32(date) <= hi
    )
