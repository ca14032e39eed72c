-- The Kafka engine at its fastest: whole messages as one column, read by one function a message into a named tuple. A column of
-- the Kafka table costs more than a column of the tuple, because the engine makes all its columns anew for every message.
CREATE TABLE {database}.queue (raw String)
ENGINE = Kafka
SETTINGS kafka_broker_list = '{brokers}', kafka_topic_list = '{topic}', kafka_group_name = '{group}', kafka_format = 'RawBLOB',
         kafka_num_consumers = {consumers}, kafka_thread_per_consumer = 1,
         kafka_max_block_size = 262144, kafka_poll_max_batch_size = 65536, kafka_poll_timeout_ms = 100, kafka_flush_interval_ms = 30000;

CREATE MATERIALIZED VIEW {database}.queue_to_event_log TO {database}.event_log AS
WITH JSONExtract(raw, 'Tuple(id String, source LowCardinality(String), time String, data Tuple(
       indicator LowCardinality(String), ward LowCardinality(String), date Date32, value Nullable(Decimal(38, 6)),
       numerator Nullable(Decimal(38, 6)), denominator Nullable(Decimal(38, 6)), percent Nullable(Decimal(38, 6)), record String,
       revision UInt32, retracted Bool, qualifier Enum8(\'exact\' = 0, \'approximately\' = 1, \'more_than\' = 2, \'at_least\' = 3),
       dimensions Map(String, String)))') AS event,
     event.data AS d,
     parseDateTime64BestEffort(event.time, 3, 'UTC') AS stated,
     assumeNotNull(_timestamp_ms) AS stamp
SELECT d.date AS date, d.indicator AS indicator, d.ward AS ward, event.source AS source,
       if(d.record = '', event.id, d.record) AS record,
       bitShiftLeft(toUInt128(d.revision), 96) + bitShiftLeft(toUInt128(toUnixTimestamp64Milli(stated)), 48) AS version,
       event.id AS id, stated AS time, d.revision AS revision,
       d.value AS value, d.numerator AS numerator, d.denominator AS denominator, d.percent AS percent,
       d.retracted AS retracted, d.qualifier AS qualifier, d.dimensions AS dimensions,
       _topic AS topic, toInt32(_partition) AS partition, toInt64(_offset) AS offset, stamp AS arrived,
       toUUID('01010101-0101-0101-0101-010101010101') AS batch, toUInt32(1) AS generation,
       18446744073709551615 - toUInt64(toUnixTimestamp64Milli(stamp)) AS keep
FROM {database}.queue;
