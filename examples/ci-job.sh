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

call() {
  curl -sSf -H "X-api-Key: $LOCKS_KEY" -H 'Content-Type: application/json' "$@"
}

# Waits in the queue for ten minutes. When others still hold the lock then, curl fails, and so does this script.
lock=$(call "$locks?wait=600" -d "{\"lock_name\": \"$name\", \"creator\": \"${CI_JOB_URL:-job $$}\", \"ttl\": 300}")
id=$(echo "$lock" | sed 's/.*"id":"\([^"]*\)".*/\1/')
trap 'call -X DELETE "$locks/$id" > /dev/null; echo "$name is released"' EXIT
echo "$name is locked"

"$@" &
job=$!
trap 'kill "$job"' TERM INT

# Every minute the lock is extended to five minutes from now. When that fails, the job is stopped.
while sleep 60 > /dev/null 2>&1; do
  call "$locks/$id/keep_alive" > /dev/null || kill "$job"
done &
keeper=$!

# A signal ends the first wait before the job has ended: the lock is not released under a job that still runs.
code=0
wait "$job" || code=$?
wait "$job" 2> /dev/null || true
kill "$keeper"
exit "$code"
