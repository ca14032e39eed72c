#!/usr/bin/env bash
# Grants the least rights that chiso needs in a Kafka with an authorizer. Run it as an administrator of Kafka, with
# Kafka's own tools in the PATH:
#
#   BOOTSTRAP=kafka-1:9093 COMMAND_CONFIG=admin.properties bash deploy/kafka/acls.sh
#
# What may differ from the defaults below is set the same way. Reading and writing a topic include describing it.
set -euo pipefail

bootstrap=${BOOTSTRAP:?host:port of a broker}
command_config=${COMMAND_CONFIG:?file with the settings of an administrator}
# kafka.topic; for a pattern, what all of its topics begin with, and TOPIC_TYPE=prefixed.
topic=${TOPIC:-chiso.indicator-events.v1}
topic_type=${TOPIC_TYPE:-literal}
# kafka.group
group=${GROUP:-chiso-ingest}
# rejects.topic, if it is set.
rejects=${REJECTS:-}
# kafka.user of the workers, or what Kafka makes of their certificate.
worker=${WORKER:-User:chiso-ingest}
# The same of those who publish events, or publish refused ones again.
publisher=${PUBLISHER:-User:chiso-publish}

allow() {
  local principal=$1
  shift
  kafka-acls.sh --bootstrap-server "$bootstrap" --command-config "$command_config" --add --allow-principal "$principal" "$@"
}

# chiso-ingest run, coverage, lag
allow "$worker" --operation Read --group "$group"
allow "$worker" --operation Read --topic "$topic" --resource-pattern-type "$topic_type"
# chiso-ingest run with rejects.topic
if [ -n "$rejects" ]; then
  allow "$worker" --operation Write --topic "$rejects"
fi
# chiso-ingest publish, replay-rejected
allow "$publisher" --operation Write --topic "$topic" --resource-pattern-type "$topic_type"
