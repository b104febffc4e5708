#!/bin/bash
# End the Slurm of slurm_up.sh: its own daemons by their pid files, then its state and its files in /etc/slurm.
#   bash tests/slurm/slurm_down.sh [--keep]      (--keep: leave state and logs)
set -uo pipefail

base=${HCC_SLURM:-/tmp/hcc-slurm}
mark="# written by tests/slurm/slurm_up.sh"

end() { # daemon, pid file: only if the process of that number is that daemon (the file may be old)
  local pid
  pid=$(cat "$2" 2> /dev/null) || return 0
  [ "$(cat "/proc/$pid/comm" 2> /dev/null)" = "$1" ] || return 0
  kill "$pid" 2> /dev/null
  for _ in $(seq 50); do kill -0 "$pid" 2> /dev/null || return 0; sleep 0.2; done
  kill -KILL "$pid" 2> /dev/null # stopped, or hanging
}

if grep -q "$mark" /etc/slurm/slurm.conf 2> /dev/null; then
  [ "$(cat "/proc/$(cat "$base/run/slurmctld.pid" 2> /dev/null)/comm" 2> /dev/null)" = slurmctld ] &&
    timeout 20 scancel --user=root 2> /dev/null
fi
end slurmd "$base/run/slurmd.n1.pid"
end slurmd "$base/run/slurmd.n2.pid"
for daemon in slurmctld slurmdbd mariadbd; do end $daemon "$base/run/$daemon.pid"; done
end munged "$base/munge/pid"

if [ "${1:-}" != --keep ]; then
  for file in slurm.conf slurmdbd.conf; do
    grep -q "$mark" /etc/slurm/$file 2> /dev/null && rm -f /etc/slurm/$file
  done
  rm -rf "$base"
fi
exit 0
