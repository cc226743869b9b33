#!/bin/sh
# A throw-away PostgreSQL for tests: loopback only, no password, fsync off.
#
#   script/postgres.sh start DIR     start it on a free port (the same as before, if
#                                    DIR was used before) and print its address
#   script/postgres.sh stop DIR      stop it at once; DIR and its data stay
#   script/postgres.sh restart DIR   stop and start: same port, same data
#   script/postgres.sh url DIR       print the address
#   script/postgres.sh remove DIR    stop it and delete DIR
set -eu

die() { echo "postgres.sh: $*" >&2; exit 1; }

command=${1:-} dir=${2:-}
if [ -z "$command" ] || [ -z "$dir" ]; then
	die "usage: script/postgres.sh start|stop|restart|url|remove DIR"
fi

# Debian keeps the server's programs away from the PATH.
bin=${PG_BIN:-}
if [ -z "$bin" ]; then
	if command -v pg_ctl >/dev/null 2>&1; then
		bin=$(dirname "$(command -v pg_ctl)")
	else
		bin=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1)
	fi
fi
[ -x "$bin/pg_ctl" ] || die "pg_ctl was not found: install PostgreSQL or set PG_BIN"

# PostgreSQL refuses to run as root.
run() {
	if [ "$(id -u)" = 0 ]; then
		runuser -u postgres -- "$@"
	else
		"$@"
	fi
}

url() { echo "postgres://slipway@127.0.0.1:$(cat "$dir/port")/postgres?sslmode=disable"; }

running() { [ -d "$dir/data" ] && run "$bin/pg_ctl" -D "$dir/data" status >/dev/null 2>&1; }

start() {
	if running; then
		url
		return
	fi
	mkdir -p "$dir"
	dir=$(cd "$dir" && pwd)
	[ "$(id -u)" != 0 ] || chown postgres "$dir"
	if [ ! -f "$dir/data/PG_VERSION" ]; then
		run "$bin/initdb" -D "$dir/data" -U slipway -A trust -E UTF8 --locale=C -N >"$dir/initdb.log" 2>&1 ||
			die "initdb: see $dir/initdb.log (as root, the user postgres must be able to reach $dir)"
	fi
	tries=0
	while :; do
		[ -f "$dir/port" ] || echo $((20000 + ($(od -An -N2 -tu2 /dev/urandom) % 20000))) >"$dir/port"
		if run "$bin/pg_ctl" -D "$dir/data" -l "$dir/data/server.log" -w -t 30 -o "-p $(cat "$dir/port") \
			-c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off \
			-c full_page_writes=off -c max_connections=200 -c shared_buffers=64MB" start >/dev/null 2>&1; then
			touch "$dir/started"
			url
			return
		fi
		# A port that was in use the first time is changed; later it is part of the address.
		tries=$((tries + 1))
		if [ -f "$dir/started" ] || [ "$tries" -ge 5 ]; then
			die "it does not start: see $dir/data/server.log"
		fi
		rm -f "$dir/port"
	done
}

stop() {
	if running; then
		run "$bin/pg_ctl" -D "$dir/data" -m immediate -w -t 30 stop >/dev/null || die "it does not stop"
	fi
}

case $command in
start) start ;;
stop) stop ;;
restart) stop && start ;;
url) url ;;
remove)
	stop
	[ ! -f "$dir/port" ] || rm -rf "$dir"
	;;
*) die "unknown command $command" ;;
esac
