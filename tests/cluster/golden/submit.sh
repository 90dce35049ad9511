#!/bin/bash
# Submits this folder's arrays in order. Can be run again: what has a .job file is not sent again.
set -euo pipefail
cd "$(dirname "$0")"
once() {  # once NAME [sbatch options]: its job id, submitted now or before
  if [ ! -s "$1.job" ]; then
    id=$(sbatch --parsable "${@:2}" "$1.sh") || exit 1
    echo "${id%%;*}" > "$1.job.part" && mv "$1.job.part" "$1.job"
  fi
  cat "$1.job"
}
A01=$(once 01-T)
echo "01-T: job $A01"
A02=$(once 02-R1-a0.5 "--dependency=aftercorr:${A01}")
echo "02-R1-a0.5: job $A02"
