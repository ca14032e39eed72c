"""The plain Python consumer of `make bench-ingest`: confluent-kafka, json, clickhouse-connect; nothing checked.

consumer.py BROKERS TOPIC GROUP EVENTS BATCH HOST PORT DATABASE SETTINGS: settings of the insert as a JSON object, user and password
in CH_USER and CH_PASSWORD.
"""

import json
import os
import sys
from datetime import date, datetime, timezone
from decimal import Decimal
from uuid import UUID, uuid4

import clickhouse_connect
from confluent_kafka import Consumer, TopicPartition

COLUMNS = (
    "date indicator ward source record version id time revision value numerator denominator percent retracted qualifier"
    " dimensions topic partition offset arrived batch generation keep"
).split()
GREATEST = 2**64 - 1


def row(message, batch):
    """The row of a message, columns in the order of COLUMNS."""
    event = json.loads(message.value(), parse_float=Decimal)
    data = event["data"]
    time = datetime.fromisoformat(event["time"])
    revision = data.get("revision", 0)
    arrived = message.timestamp()[1]
    return (
        date.fromisoformat(data["date"]),
        data["indicator"],
        data["ward"],
        event["source"],
        data.get("record", event["id"]),
        revision << 96 | round(time.timestamp() * 1000) << 48,
        event["id"],
        time,
        revision,
        data.get("value"),
        data.get("numerator"),
        data.get("denominator"),
        data.get("percent"),
        data.get("retracted", False),
        data.get("qualifier", "exact"),
        data.get("dimensions", {}),
        message.topic(),
        message.partition(),
        message.offset(),
        datetime.fromtimestamp(arrived / 1000, timezone.utc),
        batch,
        1,
        GREATEST - arrived,
    )


def main():
    brokers, topic, group, events, size, host, port, database, settings = sys.argv[1:]
    client = clickhouse_connect.get_client(
        host=host, port=int(port), database=database, username=os.environ["CH_USER"], password=os.environ["CH_PASSWORD"], compress=False
    )
    context = client.create_insert_context("event_log", column_names=COLUMNS, settings=json.loads(settings))
    consumer = Consumer(
        {"bootstrap.servers": brokers, "group.id": group, "auto.offset.reset": "earliest", "enable.auto.commit": False}
    )
    consumer.subscribe([topic])
    left, batch, rows, ends = int(events), UUID(int=1), [], {}
    while left > 0:
        for message in consumer.consume(min(left, int(size) - len(rows), 10_000), timeout=1.0):
            if message.error():
                raise RuntimeError(message.error())
            rows.append(row(message, batch))
            ends[message.partition()] = message.offset() + 1
            left -= 1
        if rows and (left == 0 or len(rows) == int(size)):
            context.settings["insert_deduplication_token"] = str(uuid4())
            context.data = rows
            client.insert(context=context)
            consumer.commit(offsets=[TopicPartition(topic, partition, end) for partition, end in ends.items()], asynchronous=False)
            rows = []
    consumer.close()


main()
