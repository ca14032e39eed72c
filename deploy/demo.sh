#!/usr/bin/env bash
# The whole path on this machine: engines, tables, events, ingest, rollup, report rows.
# BIN: folder of the programs. DEMO_EXIT=1: leave when done. CHISO__KAFKA__BROKERS and CHISO__CLICKHOUSE__URL: use those servers instead.
set -euo pipefail
cd "$(dirname "$0")/.."
BIN=${BIN:-target/release}
events=${DEMO_FACTS:-190000}

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
[ -t 1 ] || say() { printf '\n== %s\n' "$*"; }

# Log lines would break into the progress bars.
export CHISO__LOG__FILTER=${CHISO__LOG__FILTER:-warn}

work=$(mktemp -d)
local_pid=
stop() {
  trap - EXIT INT TERM
  if [ -n "$local_pid" ]; then
    kill -TERM "$local_pid" 2>/dev/null || true
    wait "$local_pid" 2>/dev/null || true
  fi
  rm -rf "$work"
}
trap stop EXIT
trap 'stop; exit 130' INT TERM

if [ -z "${CHISO__KAFKA__BROKERS:-}" ] || [ -z "${CHISO__CLICKHOUSE__URL:-}" ]; then
  say "1. Apache Kafka and ClickHouse on this machine"
  "$BIN/chiso-local" up --env-file "$work/env" >"$work/local.log" 2>&1 &
  local_pid=$!
  for _ in $(seq 600); do
    [ -s "$work/env" ] && break
    kill -0 "$local_pid" 2>/dev/null || { cat "$work/local.log" >&2; exit 3; }
    sleep 0.1
  done
  # shellcheck disable=SC1091
  . "$work/env"
else
  say "1. Kafka at $CHISO__KAFKA__BROKERS and ClickHouse at $CHISO__CLICKHOUSE__URL"
fi
sql() { curl -sS --fail-with-body "$CHISO__CLICKHOUSE__URL/?database=${CHISO__CLICKHOUSE__DATABASE:-chiso}" \
  -H "X-ClickHouse-User: ${CHISO__CLICKHOUSE__USER:-chiso}" -H "X-ClickHouse-Key: ${CHISO__CLICKHOUSE__PASSWORD:-}" --data-binary "$1"; }

say "2. Tables and reference data"
"$BIN/chiso-rollup" migrate

say "3. Publish: 129 facts from real ward reports, and about 200,000 generated events over a year"
"$BIN/chiso-ingest" publish --create-topic 8 schemas/events/seed-events.jsonl
"$BIN/chiso-generate" --seed 2025 --facts "$events" --from 2025-01-01 --to 2025-12-31 >"$work/events.jsonl"
"$BIN/chiso-ingest" publish --create-topic 8 "$work/events.jsonl"

say "4. Ingest: Kafka -> ClickHouse"
"$BIN/chiso-ingest" run --until-caught-up --progress

say "5. Roll up"
"$BIN/chiso-rollup" run --once

say "6. Report of phường Hải An, legal second half of 2025"
"$BIN/chiso-rollup" export --calendar legal --period 2025-H2 --area W11413@2025-07-01 --format table
say "   Report of phường Bắc Sơn, a ward that no longer exists, legal first half of 2023"
"$BIN/chiso-rollup" export --calendar legal --period 2023-H1 --area W14809@1900-01-01 --format table
say "   Phường Thành Vinh, legal second half of 2025: states of phường Hưng Bình of April 2025, carried to its successor"
"$BIN/chiso-rollup" export --calendar legal --period 2025-H2 --area W16681@2025-07-01 --format table
say "   A province: Hải Phòng"
"$BIN/chiso-rollup" export --calendar legal --period 2025-H2 --area P31@2025-07-01 --format table
say "   The country"
"$BIN/chiso-rollup" export --calendar legal --period 2025-H2 --area VN --format table

say "7. What became of every message"
sql "WITH (SELECT toInt64(sum(next_offset - from_offset)) FROM ledger) AS read,
          (SELECT toInt64(count()) FROM event_log FINAL) AS stored,
          (SELECT toInt64(count()) FROM rejected_events) AS refused
     SELECT outcome, reason, messages FROM (
       SELECT 1 AS place, 'read' AS outcome, '' AS reason, read AS messages
       UNION ALL SELECT 2, 'stored', '', stored
       UNION ALL SELECT 3, 'repeated', '', read - stored - refused
       UNION ALL SELECT 4, 'refused', reason, toInt64(count()) FROM rejected_events GROUP BY reason
     ) ORDER BY place, messages DESC, reason FORMAT PrettyCompactMonoBlock"

if [ -n "${DEMO_EXIT:-}" ]; then
  exit 0
fi
if [ -n "$local_pid" ]; then
  say "The engines stay up until Ctrl-C. Where to ask:"
  cat "$work/local.log"
  wait "$local_pid"
fi
