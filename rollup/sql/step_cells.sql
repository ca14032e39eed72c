-- The cells that a step needs, but for last states. Most rows need the same days, a few need more: these are read apart. The
-- conditions in indexHint only find the places to read; the joins take the rows, which is quicker. The words in angle brackets are
-- what cells of the step's kind have.
INSERT INTO step_cells (epoch, step, <columns>)
WITH
    needs AS (SELECT * FROM step_needs WHERE epoch = {epoch:UInt32} AND step = {step:UInt32} AND NOT is_last),
    (SELECT toDate32(quantileExact(0.2)(toInt32(first))) FROM needs) AS usual,
    (SELECT min(first) FROM needs) AS earliest,
    (SELECT max(last) FROM needs) AS latest
SELECT {epoch:UInt32}, {step:UInt32}, <columns>
FROM
(
    SELECT *, cells.sources AS cell_sources FROM cells FINAL
    WHERE indexHint((indicator, ward) IN (SELECT indicator, ward FROM needs WHERE first >= usual)) AND date BETWEEN usual AND latest
) AS found
INNER JOIN (SELECT * FROM needs WHERE first >= usual) AS own USING (indicator, ward)
WHERE date BETWEEN first AND last
UNION ALL
SELECT {epoch:UInt32}, {step:UInt32}, <columns>
FROM
(
    SELECT *, cells.sources AS cell_sources FROM cells FINAL
    WHERE indexHint((indicator, ward) IN (SELECT indicator, ward FROM needs WHERE first < usual)) AND date BETWEEN earliest AND latest
) AS found
INNER JOIN (SELECT * FROM needs WHERE first < usual) AS own USING (indicator, ward)
WHERE date BETWEEN first AND last
