-- The Kafka engine as its documentation shows it: JSONEachRow into typed columns.
CREATE TABLE {database}.queue
(
    id String, source LowCardinality(String), time DateTime64(3, 'UTC'),
    data Tuple(indicator LowCardinality(String), ward LowCardinality(String), date Date32,
               value Nullable(Decimal(38, 6)), numerator Nullable(Decimal(38, 6)), denominator Nullable(Decimal(38, 6)),
               percent Nullable(Decimal(38, 6)), record String, revision UInt32, retracted Bool,
               qualifier Enum8('exact' = 0, 'approximately' = 1, 'more_than' = 2, 'at_least' = 3), dimensions Map(String, String))
)
ENGINE = Kafka
SETTINGS kafka_broker_list = '{brokers}', kafka_topic_list = '{topic}', kafka_group_name = '{group}', kafka_format = 'JSONEachRow',
         kafka_num_consumers = {consumers}, kafka_thread_per_consumer = 1,
         kafka_max_block_size = 262144, kafka_poll_max_batch_size = 65536, kafka_poll_timeout_ms = 100, kafka_flush_interval_ms = 30000,
         date_time_input_format = 'best_effort', input_format_skip_unknown_fields = 1;

CREATE MATERIALIZED VIEW {database}.queue_to_event_log TO {database}.event_log AS
WITH assumeNotNull(_timestamp_ms) AS stamp
SELECT data.date AS date, data.indicator AS indicator, data.ward AS ward, source,
       if(data.record = '', id, data.record) AS record,
       bitShiftLeft(toUInt128(data.revision), 96) + bitShiftLeft(toUInt128(toUnixTimestamp64Milli(time)), 48) AS version,
       id, time, data.revision AS revision,
       data.value AS value, data.numerator AS numerator, data.denominator AS denominator, data.percent AS percent,
       data.retracted AS retracted, data.qualifier AS qualifier, data.dimensions AS dimensions,
       _topic AS topic, toInt32(_partition) AS partition, toInt64(_offset) AS offset, stamp AS arrived,
       toUUID('01010101-0101-0101-0101-010101010101') AS batch, toUInt32(1) AS generation,
       18446744073709551615 - toUInt64(toUnixTimestamp64Milli(stamp)) AS keep
FROM {database}.queue;
