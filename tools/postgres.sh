#!/usr/bin/env bash
# A private, throwaway PostgreSQL with its own data folder under /tmp and its own port on 127.0.0.1. It never touches an
# existing server. It keeps PostgreSQL's default durability settings, so that the suites test real behavior.
#
#   tools/postgres.sh start          start one; prints its URL (and, on stderr, how to stop it)
#   tools/postgres.sh database URL   create a new database on it; prints its URL
#   tools/postgres.sh stop DIR       stop it and remove its folder
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
  local bin attempt port
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
  # The server itself binds the port, so that two runs cannot get the same one. 20000-29999 is below the range for
  # outgoing connections. 200 connections, because the suites run in parallel, each with its own writers.
  for attempt in 1 2 3 4 5; do
    port=$((20000 + RANDOM % 10000))
    if (cd "$POSTGRES_DIR" && postgres_as_owner "$bin/pg_ctl" start --wait --silent --pgdata="$POSTGRES_DIR/data" \
      --log="$POSTGRES_DIR/server.log" \
      --options="-c listen_addresses=127.0.0.1 -p $port -k $POSTGRES_DIR -c max_connections=200" </dev/null >/dev/null 2>&1); then
      POSTGRES_URL="postgres://postgres@127.0.0.1:$port/postgres"
      return 0
    fi
  done
  echo "postgres.sh: PostgreSQL did not start in $attempt attempts; its log ends with:" >&2
  tail -n 20 "$POSTGRES_DIR/server.log" >&2
  return 1
}

# Stops the server of a folder from postgres_start and removes the folder. It skips the shutdown checkpoint, because the
# data is deleted.
postgres_stop() {
  local dir=$1
  if [[ ! -d $dir || $dir != "$postgres_prefix"* || ${dir#"$postgres_prefix"} == */* ]]; then
    echo "postgres.sh: $dir is not the folder of a private PostgreSQL: use ${postgres_prefix}XXXXXX, as start printed it" >&2
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
