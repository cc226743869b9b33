#!/usr/bin/env bash
# Lets Slipway's judge steer a canary by what Prometheus knows, without the rest of Slipway:
#
#   PROMETHEUS=http://127.0.0.1:9090 STABLE=v1 CANARY=v2 ./judge.sh ./set-weight
#
# The command is called with the share that the canary is to get, 0 to 1: it tells your proxy, mesh or load balancer.
# Every EVERY seconds (15) the counters of both versions are read, and their growth is one tick. Prometheus must know
# http_requests_total{version, status}; change the query where your names differ. Needs bash, curl, jq and slipway.
# With APART=true every failure is taken for another visitor's, and a fault is found within seconds; without it failures
# are judged in blocks of half a minute, because one visitor who tries again would look like many.
# Exit code: 0 promoted, 1 rolled back.
set -euo pipefail

prometheus=${PROMETHEUS:?} stable=${STABLE:?} canary=${CANARY:?} every=${EVERY:-15}
set_weight=$1

# counters prints one object with what both versions have answered so far: all of it, and what failed.
counters() {
	curl -fsS "$prometheus/api/v1/query" --data-urlencode 'query=sum by (version, status) (http_requests_total)' |
		jq -c '[.data.result[]
				| {version: .metric.version, failed: (.metric.status | startswith("5")), n: (.value[1] | tonumber)}]
			| group_by(.version) | map({key: .[0].version, value: {requests: (map(.n) | add),
				errors: (map(select(.failed).n) | add // 0)}}) | from_entries'
}

# tick is the growth between two readings. A counter that became smaller began anew.
tick() { # before now t seconds weight
	jq -nc --argjson a "$1" --argjson b "$2" --argjson t "$3" --argjson s "$4" --argjson w "$5" \
		--arg stable "$stable" --arg canary "$canary" --argjson apart "${APART:-false}" '
		def grown($v): ($b[$v] // {requests: 0, errors: 0}) as $now | ($a[$v] // {requests: 0, errors: 0}) as $old
			| (if $now.requests < $old.requests then $now
			  else {requests: ($now.requests - $old.requests), errors: ($now.errors - $old.errors)} end)
			| if $apart then . + {error_units: .errors} else . end;
		{t: $t, seconds: $s, weight: $w, stable: grown($stable), canary: grown($canary)}'
}

coproc judge { exec slipway judge stream --steps adaptive; }
weight=0.05
"$set_weight" $weight
before=$(counters)
for ((t = 0; ; t += every)); do
	sleep "$every"
	now=$(counters)
	tick "$before" "$now" $t "$every" $weight >&"${judge[1]}"
	before=$now
	read -r answer <&"${judge[0]}"
	echo "$t s: $(jq -r '"\(.state), \(.reason) (e \(.e))"' <<<"$answer")"
	action=$(jq .action <<<"$answer") next=$(jq .next_weight <<<"$answer")
	case $action in
	2)
		"$set_weight" 0
		exit 1
		;;
	1)
		"$set_weight" 1
		exit 0
		;;
	esac
	if [ "$next" != 0 ] && [ "$next" != "$weight" ]; then
		weight=$next
		"$set_weight" "$weight"
	fi
done
