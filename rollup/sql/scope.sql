-- What every query of rows is asked for. Words in angle brackets are filled in by sql.rs.
    periods AS
    (
        SELECT calendar, period, start, end, patterns, sipHash64(concat(calendar, ' ', period)) AS period_number
        FROM format(JSONEachRow, 'calendar String, period String, start Date32, end Date32, patterns Array(String)', <periods>)
    ),
    catalogue AS (SELECT code, kind, carry_days FROM reference_indicators WHERE generation = {generation:UInt32}),
    wards AS
    (
        SELECT unit_id, code, valid_from, valid_to FROM reference_units
        WHERE generation = {generation:UInt32} AND level = 'ward'
    )
