#!/usr/bin/env bash
# A private, throwaway PostgreSQL: its own data folder under /tmp and its own port on 127.0.0.1. It never touches a
# server that is already there. Durability settings are PostgreSQL's own, so that the suites meet the real thing.
#
#   tools/postgres.sh start          start one; prints its URL (how to stop it goes to stderr)
#   tools/postgres.sh database URL   create a fresh database on it; prints the new database's URL
#   tools/postgres.sh stop DIR       stop it and remove its folder
#
# `./test` sources this file and uses the functions.

postgres_prefix=/tmp/axme-postgres. # short: a unix socket's path has a limit of about 100 bytes

# Prints the folder of the newest server programs, or nothing. Debian keeps them out of PATH.
postgres_bin() {
  local newest
  newest=$(printf '%s\n' /usr/lib/postgresql/*/bin/initdb | sort -V | tail -n 1)
  [[ -x $newest ]] || newest=$(command -v initdb || true)
  [[ -z $newest ]] || dirname "$newest"
}

# PostgreSQL refuses to run as root, so root becomes the user that Debian's package made.
postgres_as_owner() {
  if [[ $EUID -eq 0 ]]; then runuser -u postgres -- "$@"; else "$@"; fi
}

# Sets POSTGRES_DIR and POSTGRES_URL. POSTGRES_DIR is set first, so that a caller's trap can clean up a failed start.
postgres_start() {
  local bin attempt port
  bin=$(postgres_bin)
  if [[ -z $bin ]]; then
    echo "postgres.sh: no PostgreSQL server programs (initdb) found; on Debian: apt-get install postgresql" >&2
    return 1
  fi
  if [[ $EUID -eq 0 ]] && ! id postgres >/dev/null 2>&1; then
    echo "postgres.sh: PostgreSQL does not run as root and there is no user 'postgres' to run it as" >&2
    return 1
  fi
  POSTGRES_DIR=$(mktemp -d "${postgres_prefix}XXXXXX")
  if [[ $EUID -eq 0 ]]; then chown postgres: "$POSTGRES_DIR"; fi
  # From the folder itself: the postgres user may have no access to the caller's working directory.
  (cd "$POSTGRES_DIR" && postgres_as_owner "$bin/initdb" -N --auth=trust --encoding=UTF8 --locale=C.UTF-8 \
    --username=postgres --pgdata="$POSTGRES_DIR/data" >"$POSTGRES_DIR/initdb.log" 2>&1) || {
    cat "$POSTGRES_DIR/initdb.log" >&2
    return 1
  }
  # The port is taken by binding it, so two runs cannot end up with the same one. 20000-29999 is below the range the
  # kernel gives to outgoing connections. 200 connections: the suites run side by side, each with lanes of its own.
  for attempt in 1 2 3 4 5; do
    port=$((20000 + RANDOM % 10000))
    if (cd "$POSTGRES_DIR" && postgres_as_owner "$bin/pg_ctl" start --wait --silent --pgdata="$POSTGRES_DIR/data" \
      --log="$POSTGRES_DIR/server.log" \
      --options="-c listen_addresses=127.0.0.1 -p $port -k $POSTGRES_DIR -c max_connections=200" </dev/null >/dev/null 2>&1); then
      POSTGRES_URL="postgres://postgres@127.0.0.1:$port/postgres"
      return 0
    fi
  done
  echo "postgres.sh: PostgreSQL did not start in $attempt attempts; its log says:" >&2
  tail -n 20 "$POSTGRES_DIR/server.log" >&2
  return 1
}

# Stops the server of a folder made by postgres_start and removes the folder. The data is going away: no shutdown
# checkpoint is waited for.
postgres_stop() {
  local dir=$1
  if [[ ! -d $dir || $dir != "$postgres_prefix"* || ${dir#"$postgres_prefix"} == */* ]]; then
    echo "postgres.sh: $dir is not the folder of a private PostgreSQL (${postgres_prefix}XXXXXX)" >&2
    return 1
  fi
  if [[ -f $dir/data/postmaster.pid ]]; then
    (cd "$dir" && postgres_as_owner "$(postgres_bin)/pg_ctl" stop --mode=immediate --silent --pgdata="$dir/data")
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
    *)
      sed -n '2,/^$/s/^# \{0,1\}//p' "$0" >&2
      exit 2
      ;;
  esac
fi
