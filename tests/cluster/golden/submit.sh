#!/bin/bash
# Submits this folder's arrays in order. Can be run again: what was submitted is not submitted again.
set -euo pipefail
shopt -s inherit_errexit
umask o-w
cd "$(dirname "$0")"
exec 9>>/scratch/runs/launch.lock
flock 9  # launchers take turns

queued() {  # queued NAME: the job id of an array of this submission that is in the queue
  squeue --noheader --me --format '%F %k' | awk -v marks=" run=20261123T120000-abcdef array=$1 " \
    'index($0 " ", marks) { print $1; exit }'
}

once() {  # once NAME [sbatch options]: an array's job id, submitted now or before
  if [ ! -s "$1.job" ]; then
    if [ ! -e /scratch/runs/submissions/20261123T120000-abcdef/"$1.jsonl" ]; then
      echo "$1: a later launch has taken over its cells" >&2
      exit 1
    fi
    id=$(queued "$1")
    [ -n "$id" ] || id=$(sbatch --parsable "${@:2}" "$1.sh")
    echo "${id%%;*}" > "$1.job.part"
    mv "$1.job.part" "$1.job"
    cp "$1.job" /scratch/runs/submissions/20261123T120000-abcdef/
  fi
  cat "$1.job"
}

A01=$(once 01-T)
echo "01-T: job $A01"
A02=$(once 02-R1-a0.5 "--dependency=aftercorr:${A01}")
echo "02-R1-a0.5: job $A02"
