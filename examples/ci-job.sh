#!/bin/sh
# A CI job with curl, against `spicelock serve`: one job at a time deploys, the others wait in the queue. The lock is kept
# while the job runs, and released however it ends.
#
#   export LOCKS_URL=http://locks.example:3000 LOCKS_KEY=a-long-and-secret-key
#   examples/ci-job.sh deploy-staging ./deploy.sh staging
set -eu
name=$1
shift
locks=$LOCKS_URL/v1/locks
answer=$(mktemp)

# Takes the place of the subshell that calls it, so that a signal for the subshell reaches curl.
call() {
  exec curl -sSf -H "X-api-Key: $LOCKS_KEY" -H 'Content-Type: application/json' "$@"
}

id_of_lock() {
  sed 's/.*"id":"\([^"]*\)".*/\1/' "$answer"
}

# Leaves the exit code as it is: a lock that is gone already does not make a job fail that has succeeded.
release() {
  id=$(id_of_lock)
  rm -f "$answer"
  [ -n "$id" ] || return 0
  if (call -X DELETE "$locks/$id" > /dev/null); then echo "$name is released"; else echo "$name is not released" >&2; fi
}
trap release EXIT

# Waits in the queue for ten minutes. When others still hold the lock then, curl fails, and so does this script. When the
# job is cancelled, curl is stopped: otherwise it would wait on, and take a lock that nobody releases.
call "$locks?wait=600" -d "{\"lock_name\": \"$name\", \"creator\": \"${CI_JOB_URL:-job $$}\", \"ttl\": 300}" > "$answer" &
curl=$!
trap 'kill "$curl" 2> /dev/null || true; wait "$curl" 2> /dev/null || true; exit 143' TERM INT
wait "$curl"
id=$(id_of_lock)
echo "$name is locked"

"$@" &
job=$!
trap 'kill "$job"' TERM INT

# Every minute the lock is extended to five minutes from now. When that fails, the job is stopped, once: a second signal
# could disturb its cleaning up.
while sleep 60 > /dev/null 2>&1; do
  (call "$locks/$id/keep_alive" > /dev/null) || { kill "$job"; break; }
done &
keeper=$!

# A signal ends the first wait before the job has ended: the lock is not released under a job that still runs.
code=0
wait "$job" || code=$?
wait "$job" 2> /dev/null || true
kill "$keeper" 2> /dev/null || true
exit "$code"
