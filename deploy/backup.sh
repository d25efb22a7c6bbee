#!/bin/sh
# Copies what the running Redis of docker-compose.yml has on disk:
#   deploy/backup.sh backup.tar
# COMPOSE is the compose to use, with its options: COMPOSE='docker-compose -p prod' deploy/backup.sh backup.tar
set -eu
file=${1:?name the file to write: deploy/backup.sh backup.tar}
case $file in /*) ;; *) file=$PWD/$file ;; esac
cd "$(dirname "$0")/.."
trap 'rm -f "$file.part"' EXIT
umask 077

# While Redis rewrites its append-only file, the parts of it do not belong together: none is begun during the copy.
# The last part grows meanwhile. What is cut off at its end, Redis leaves out when it reads it.
${COMPOSE:-docker compose} exec -T redis sh -euc '
  percentage=$(redis-cli config get auto-aof-rewrite-percentage | tail -n 1)
  trap "redis-cli config set auto-aof-rewrite-percentage $percentage > /dev/null" EXIT
  redis-cli config set auto-aof-rewrite-percentage 0 > /dev/null
  while redis-cli info persistence | grep -qE "aof_rewrite_(in_progress|scheduled):1"; do sleep 1; done
  tar -C /data -cf - appendonlydir || [ $? -eq 1 ]
' > "$file.part"

tar -tf "$file.part" | grep -q 'appendonlydir/.*\.manifest$' || { echo "the copy holds no append-only file: $file is not written" >&2; exit 1; }
mv "$file.part" "$file"
