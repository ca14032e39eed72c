-- New facts of wards that have facts: so many in a hundred of the last three days, the others evenly over the year.
INSERT INTO event_log (date, indicator, ward, source, record, version, id, time, revision, value, numerator, denominator, percent, retracted,
                       qualifier, dimensions, topic, partition, offset, arrived, batch, generation, keep)
WITH
    (SELECT groupArray((code, kind)) FROM (SELECT toString(code) AS code, toString(kind) AS kind FROM indicators ORDER BY code)) AS subjects,
    (SELECT groupArray(code) FROM bench_wards) AS wards,
    sipHash64(n, '<batch>') AS dice,
    subjects[dice % length(subjects) + 1] AS subject,
    toDate32('<last day>') - toIntervalDay(if(n % 100 < <recent>, intDiv(dice, 1000000) % 3, intDiv(dice, 1000000) % 365)) AS day,
    toUInt64(toInt64(toInt32(day)) * 86400000 + 45000000) AS ms,
    concat('<batch>-', toString(n)) AS name,
    subject.2 IN ('flow_ratio', 'stock_ratio') AS is_ratio,
    toDecimal128(dice % 1000, 6) AS number
SELECT day, subject.1, wards[intDiv(dice, 100) % length(wards) + 1], 'urn:vn:one-stop', name,
       bitOr(bitShiftLeft(toUInt128(ms), 48), toUInt128(dice % 281474976710656)), name, fromUnixTimestamp64Milli(toInt64(ms), 'UTC'), 0,
       if(is_ratio, NULL, number), if(is_ratio, number, NULL), if(is_ratio, number + dice % 77, NULL), NULL,
       false, 'exact', map(), 'chiso.indicator-events.v1', 0, n, fromUnixTimestamp64Milli(toInt64(ms) + 1000, 'UTC'), toUUID('<batch>'), 1, 1
FROM (SELECT number AS n FROM numbers(<count>))
