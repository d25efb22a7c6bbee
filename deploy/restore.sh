#!/bin/sh
# Puts what deploy/backup.sh copied into the Redis of docker-compose.yml, whose volume must be empty:
#   deploy/restore.sh backup.tar
# COMPOSE is the compose to use, with its options, as for deploy/backup.sh.
set -eu
file=${1:?name the file to read: deploy/restore.sh backup.tar}
case $file in /*) ;; *) file=$PWD/$file ;; esac
cd "$(dirname "$0")/.."

# A Redis that runs has its files there, so this also keeps a copy from being put under one.
${COMPOSE:-docker compose} run --rm --no-deps -T redis sh -euc '
  if [ -n "$(ls -A /data)" ]; then
    echo "the volume of Redis is not empty; move away what it holds first" >&2
    exit 1
  fi
  tar -C /data -xf -
' < "$file"
