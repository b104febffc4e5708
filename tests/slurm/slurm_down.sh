#!/bin/bash
# End the Slurm of slurm_up.sh: its own daemons by their pid files, then its state and its files in /etc/slurm.
#   bash tests/slurm/slurm_down.sh [--keep]      (--keep: leave state and logs)
set -uo pipefail

base=${HCC_SLURM:-/tmp/hcc-slurm}
mark="# written by tests/slurm/slurm_up.sh"

grep -q "$mark" /etc/slurm/slurm.conf 2> /dev/null && scancel --user=root 2> /dev/null
for file in "$base"/run/slurmd.n?.pid "$base"/run/{slurmctld,slurmdbd,mariadbd}.pid "$base"/munge/pid; do
  pid=$(cat "$file" 2> /dev/null) || continue
  kill "$pid" 2> /dev/null || continue
  for _ in $(seq 50); do kill -0 "$pid" 2> /dev/null || break; sleep 0.2; done
done
if [ "${1:-}" != --keep ]; then
  for file in slurm.conf slurmdbd.conf; do
    grep -q "$mark" /etc/slurm/$file 2> /dev/null && rm -f /etc/slurm/$file
  done
  rm -rf "$base"
fi
exit 0
