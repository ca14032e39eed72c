-- Facts <from> to <to> of all series (indicator, ward), one every four days, as the ingest worker stores them: 2 % of the ratios
-- without parts, and all of one ward in 25, 3 % corrected once.
INSERT INTO event_log (date, indicator, ward, source, record, version, id, time, revision, value, numerator, denominator, percent, retracted,
                       qualifier, dimensions, topic, partition, offset, arrived, batch, generation, keep)
WITH
    (SELECT groupArray((code, kind)) FROM (SELECT toString(code) AS code, toString(kind) AS kind FROM indicators ORDER BY code)) AS subjects,
    (SELECT groupArray(code) FROM bench_wards) AS wards,
    toUInt64(length(subjects)) * length(wards) AS series,
    subjects[intDiv(n % series, length(wards)) + 1] AS subject,
    sipHash64(n, 'fact') AS dice,
    toDate32('<last day>') - toIntervalDay(<days> - 1 - least(<days> - 1, intDiv(n, series) * 4 + sipHash64(n % series) % 4)) AS day,
    toUInt64(toInt64(toInt32(day)) * 86400000 + 10000000 + dice % 30000000) AS ms,
    concat('f', toString(n)) AS name,
    subject.2 IN ('flow_ratio', 'stock_ratio') AS is_ratio,
    wards[n % length(wards) + 1] AS ward,
    is_ratio AND (intDiv(dice, 1000) % 50 = 0 OR sipHash64(ward) % 25 = 0) AS is_stated,
    toDecimal128(dice % 1000 + revised, 6) AS number
SELECT day, subject.1, ward, if(dice % 20 < 3, 'urn:vn:document-office', 'urn:vn:one-stop'), name,
       bitOr(bitOr(bitShiftLeft(toUInt128(revised), 96), bitShiftLeft(toUInt128(ms), 48)), toUInt128(dice % 281474976710656)),
       if(revised = 0, name, concat(name, '-1')), fromUnixTimestamp64Milli(toInt64(ms), 'UTC'), revised,
       if(is_ratio, NULL, number), if(is_ratio AND NOT is_stated, number, NULL), if(is_ratio AND NOT is_stated, number + dice % 77, NULL),
       if(is_stated, toDecimal128(dice % 100, 6), NULL), false, 'exact', map(), 'chiso.indicator-events.v1', 0, n,
       fromUnixTimestamp64Milli(toInt64(ms) + 1000, 'UTC'), generateUUIDv4(), 1, 1
FROM (SELECT number AS n, arrayJoin(if(sipHash64(number, 'corrected') % 100 < 3, [0, 1], [0]))::UInt32 AS revised FROM numbers(<from>, <to> - <from>))
SETTINGS max_insert_threads = 2
