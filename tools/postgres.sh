#!/usr/bin/env bash
# A private, throwaway PostgreSQL with its own data folder under /tmp and its own port on 127.0.0.1. It never touches an
# existing server. It keeps PostgreSQL's default durability settings, so that the suites test real behavior.
#
#   tools/postgres.sh start          start one; prints its URL (and, on stderr, how to stop it)
#   tools/postgres.sh database URL   create a new database on it; prints its URL
#   tools/postgres.sh stop DIR       stop it and remove its folder
#   tools/postgres.sh standby DIR    start a synchronous standby of it; prints the standby's folder and its port
#   tools/postgres.sh restart DIR    end all connections and start it again
#   tools/postgres.sh kill DIR       end it as a crash does
#   tools/postgres.sh promote DIR    make a standby the primary
#
# `./test` sources this file and uses the functions.

postgres_prefix=/tmp/axme-postgres. # short, because the path of a unix socket has a limit of about 100 bytes

# Prints the folder of the newest server programs, or nothing. On Debian they are not in PATH.
postgres_bin() {
  local newest
  newest=$(printf '%s\n' /usr/lib/postgresql/*/bin/initdb | sort -V | tail -n 1)
  [[ -x $newest ]] || newest=$(command -v initdb || true)
  [[ -z $newest ]] || dirname "$newest"
}

# PostgreSQL refuses to run as root, so root switches to the user from Debian's package.
postgres_as_owner() {
  if [[ $EUID -eq 0 ]]; then runuser -u postgres -- "$@"; else "$@"; fi
}

# Sets POSTGRES_DIR and POSTGRES_URL. POSTGRES_DIR is set first, so that a caller's trap can clean up a failed start.
postgres_start() {
  local bin
  bin=$(postgres_bin)
  if [[ -z $bin ]]; then
    echo "postgres.sh: cannot find the PostgreSQL server programs (initdb): install them (on Debian: apt-get install postgresql)" >&2
    return 1
  fi
  if [[ $EUID -eq 0 ]] && ! id postgres >/dev/null 2>&1; then
    echo "postgres.sh: PostgreSQL does not run as root: create the user 'postgres', or run this as another user" >&2
    return 1
  fi
  POSTGRES_DIR=$(mktemp -d "${postgres_prefix}XXXXXX")
  if [[ $EUID -eq 0 ]]; then chown postgres: "$POSTGRES_DIR"; fi
  # Runs in the folder itself, because the postgres user may have no access to the caller's working directory.
  (cd "$POSTGRES_DIR" && postgres_as_owner "$bin/initdb" -N --auth=trust --encoding=UTF8 --locale=C.UTF-8 \
    --username=postgres --pgdata="$POSTGRES_DIR/data" >"$POSTGRES_DIR/initdb.log" 2>&1) || {
    cat "$POSTGRES_DIR/initdb.log" >&2
    return 1
  }
  postgres_open "$POSTGRES_DIR" || return 1
  POSTGRES_URL="postgres://postgres@127.0.0.1:$(postgres_port "$POSTGRES_DIR")/postgres"
}

# Starts the server of a folder on a free port.
postgres_open() {
  local dir=$1 attempt port
  # The server itself binds the port, so that two runs cannot get the same one. 20000-29999 is below the range for
  # outgoing connections. 200 connections, because the suites run in parallel, each with its own writers.
  for attempt in 1 2 3 4 5; do
    port=$((20000 + RANDOM % 10000))
    if postgres_control "$dir" start --wait --silent --log="$dir/server.log" \
      --options="-c listen_addresses=127.0.0.1 -p $port -k $dir -c max_connections=200" </dev/null >/dev/null 2>&1; then
      return 0
    fi
  done
  echo "postgres.sh: PostgreSQL did not start in $attempt attempts; its log ends with:" >&2
  tail -n 20 "$dir/server.log" >&2
  return 1
}

# Runs pg_ctl on the server of a folder.
postgres_control() {
  local dir=$1
  shift
  (cd "$dir" && postgres_as_owner "$(postgres_bin)/pg_ctl" "$@" --pgdata="$dir/data")
}

# Prints the port of a server that runs.
postgres_port() {
  sed -n 4p "$1/data/postmaster.pid"
}

# Starts a standby that has each commit before the primary answers. Prints its folder and its port.
postgres_standby() {
  local primary=$1 port bin dir
  port=$(postgres_port "$primary")
  bin=$(postgres_bin)
  dir=$(mktemp -d "${postgres_prefix}XXXXXX")
  if [[ $EUID -eq 0 ]]; then chown postgres: "$dir"; fi
  (cd "$dir" && postgres_as_owner "$bin/pg_basebackup" --pgdata="$dir/data" --checkpoint=fast --write-recovery-conf \
    --dbname="host=127.0.0.1 port=$port user=postgres application_name=standby")
  postgres_open "$dir" || return 1
  "$bin/psql" --quiet --no-psqlrc --set=ON_ERROR_STOP=1 --host=127.0.0.1 --port="$port" --username=postgres \
    --command="ALTER SYSTEM SET synchronous_standby_names = 'standby'" --command='SELECT pg_reload_conf()' >/dev/null
  echo "$dir $(postgres_port "$dir")"
}

# Stops the server of a folder from postgres_start and removes the folder. It skips the shutdown checkpoint, because the
# data is deleted.
postgres_stop() {
  local dir=$1
  if [[ ! -d $dir || $dir != "$postgres_prefix"* || ${dir#"$postgres_prefix"} == */* ]]; then
    echo "postgres.sh: $dir is not the folder of a private PostgreSQL: use ${postgres_prefix}XXXXXX, as start printed it" >&2
    return 1
  fi
  # A killed server leaves its file behind.
  if postgres_control "$dir" status >/dev/null 2>&1; then
    postgres_control "$dir" stop --mode=immediate --silent
  fi
  rm -rf "$dir"
}

postgres_database() {
  local url=$1 name
  name=axme_$(od -An -N6 -tx1 /dev/urandom | tr -d ' ')
  "$(postgres_bin)/psql" --quiet --no-psqlrc --set=ON_ERROR_STOP=1 --command="CREATE DATABASE $name" "$url"
  echo "${url%/*}/$name"
}

if [[ ${BASH_SOURCE[0]} == "$0" ]]; then
  set -euo pipefail
  case "${1:-} $#" in
    "start 1")
      POSTGRES_DIR=
      trap '[[ $? -eq 0 || -z $POSTGRES_DIR ]] || postgres_stop "$POSTGRES_DIR"' EXIT
      postgres_start
      echo "to stop it and remove its data: $0 stop $POSTGRES_DIR" >&2
      echo "$POSTGRES_URL"
      ;;
    "stop 2") postgres_stop "$2" ;;
    "database 2") postgres_database "$2" ;;
    "standby 2") postgres_standby "$2" ;;
    "restart 2") postgres_control "$2" restart --mode=fast --wait --silent </dev/null >/dev/null 2>&1 ;;
    "kill 2") kill -KILL "$(head -n 1 "$2/data/postmaster.pid")" ;;
    "promote 2") postgres_control "$2" promote --wait --silent ;;
    *)
      sed -n '2,/^$/s/^# \{0,1\}//p' "$0" >&2
      exit 2
      ;;
  esac
fi
