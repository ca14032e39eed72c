-- The last states that a step needs, each as a cell of its day.
INSERT INTO step_cells (epoch, step, indicator, member, date, states)
WITH
    needs AS (SELECT * FROM step_needs WHERE epoch = {epoch:UInt32} AND step = {step:UInt32} AND is_last)
SELECT {epoch:UInt32}, {step:UInt32}, indicator, member, date, [tuple(source, series, value, numerator, denominator, version, qualified)]
FROM (SELECT * FROM last_states FINAL WHERE indexHint((indicator, ward) IN (SELECT indicator, ward FROM needs))) AS found
INNER JOIN needs USING (indicator, ward)
WHERE date BETWEEN first AND last
