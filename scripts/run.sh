#!/usr/bin/env bash
# Starts the demo app and a local hotcore in front of it, maps hello.localhost, and prints the URL.
# Ctrl-C ends both; when one ends by itself, so does the other.
# shellcheck disable=SC2317  # The functions that a trap calls are not unreachable.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly BIN=artifacts/build/bin
readonly HOTCORE=$BIN/Hotcore/release/hotcore
readonly START_LIMIT_SECONDS=30
readonly STOP_LIMIT_SECONDS=5

app=
hotcore=
pipes=$(mktemp -d)

finish() {
  local status=$?
  trap '' INT TERM HUP
  trap - EXIT
  # Together: hotcore waits for the requests in flight, and the app's open streams are among them.
  stop "$app" "$hotcore"
  rm -rf "$pipes"
  exit "$status"
}
trap finish EXIT
trap 'echo; exit 0' INT
trap 'exit 143' TERM HUP

stop() {
  local pid deadline=$((SECONDS + STOP_LIMIT_SECONDS))
  for pid in "$@"; do
    kill -TERM "$pid" 2>/dev/null || true
  done
  for pid in "$@"; do
    while kill -0 "$pid" 2>/dev/null && ((SECONDS < deadline)); do sleep 0.05; done
    kill -KILL "$pid" 2>/dev/null || true
  done
}

fail() {
  echo "$1" >&2
  exit 1
}

# Runs a command with its output into the pipe NAME. In a session of its own, so that Ctrl-C reaches
# this script alone, which then ends both in order; and tied to this script's life, so that not even
# `kill -9` on it leaves one behind.
start() {
  local name=$1
  shift
  mkfifo "$pipes/$name"
  setsid setpriv --pdeathsig TERM -- "$@" >"$pipes/$name" </dev/null &
}

# Reads lines from the descriptor until one matches, and leaves its first group in $found.
await_line() {
  local what=$1 from=$2 pattern=$3 line
  while read -r -t "$START_LIMIT_SECONDS" -u "$from" line; do
    if [[ $line =~ $pattern ]]; then
      found=${BASH_REMATCH[1]-}
      return
    fi
  done
  fail "$what did not start."
}

build() {
  MSBUILDDISABLENODEREUSE=1 dotnet msbuild "$1" -restore -p:Configuration=Release -nologo -v:quiet
}

echo "building ..."
build src/Hotcore
build demo/HelloApp

start app "$BIN/HelloApp/release/HelloApp" --urls http://127.0.0.1:0
app=$!
exec {app_lines}<"$pipes/app"
await_line "The demo app" "$app_lines" '^listening on http://127\.0\.0\.1:([0-9]+)'
app_port=$found

start hotcore "$HOTCORE" serve --local --data "$PWD/artifacts/run" --control-port 0
hotcore=$!
exec {hotcore_lines}<"$pipes/hotcore"
await_line "hotcore" "$hotcore_lines" '^http +127\.0\.0\.1:([0-9]+)$'
http_port=$found
await_line "hotcore" "$hotcore_lines" '^https +127\.0\.0\.1:([0-9]+)$'
https_port=$found
await_line "hotcore" "$hotcore_lines" '^control +127\.0\.0\.1:([0-9]+)$'
control_port=$found
await_line "hotcore" "$hotcore_lines" '^ready$'

"$HOTCORE" add hello.localhost "$app_port" --control-port "$control_port"

# Whatever they still have to say is shown, and no full pipe ever holds them up.
cat <&"$app_lines" &
cat <&"$hotcore_lines" &

url=http://hello.localhost
[[ $http_port == 80 ]] || url+=:$http_port
https_url=https://hello.localhost
[[ $https_port == 443 ]] || https_url+=:$https_port
printf '\nOpen %s   (Ctrl-C ends it)\nor   %s, once its CA is trusted: %s trust --data %s\n\n' "$url" "$https_url" "$HOTCORE" artifacts/run

status=0
wait -n "$app" "$hotcore" || status=$?
ended="The demo app"
if kill -0 "$app" 2>/dev/null; then ended=hotcore; fi
echo "$ended ended by itself with exit code $status." >&2
exit $((status == 0 ? 1 : status))
