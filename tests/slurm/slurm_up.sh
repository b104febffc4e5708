#!/bin/bash
# A private Slurm on this one machine: munged, MariaDB, slurmdbd, slurmctld and two slurmd that share the host.
# For tests only, as root, on a machine without a Slurm of its own. Everything lies under $HCC_SLURM; slurm_down.sh ends it.
#   bash tests/slurm/slurm_up.sh [--install]      (--install: apt-get the packages first, Debian 12: Slurm 22.05)
set -euo pipefail

base=${HCC_SLURM:-/tmp/hcc-slurm}
cpus=4          # per node; may be more than the host has (config_overrides)
memory=16000    # MB per node: as the rules ask for it, more than the host has and more than the steps take
port=17400      # slurmctld; slurmdbd and the nodes take the next ones
packages="slurm-wlm slurmdbd slurm-wlm-mysql-plugin munge mariadb-server"
mark="# written by tests/slurm/slurm_up.sh"

give_up() { echo "slurm_up: $*" >&2; exit 1; }
wait_for() { # seconds, what, command...
  local tries=$(($1 * 5)) what=$2
  shift 2
  for _ in $(seq "$tries"); do "$@" > /dev/null 2>&1 && return 0; sleep 0.2; done
  give_up "$what did not come up; see $base/log"
}

[ "$(id -u)" = 0 ] || give_up "must be root"
if [ "${1:-}" = --install ]; then
  export DEBIAN_FRONTEND=noninteractive
  apt-get -o DPkg::Lock::Timeout=300 -qq update
  # shellcheck disable=SC2086
  apt-get -o DPkg::Lock::Timeout=300 -qq install -y --no-install-recommends $packages > /dev/null
fi
for command in munged mariadbd slurmdbd slurmctld slurmd sbatch; do
  command -v $command > /dev/null || give_up "no $command: apt-get install $packages (or give --install)"
done
for file in slurm.conf slurmdbd.conf; do
  if [ -s /etc/slurm/$file ] && ! grep -q "$mark" /etc/slurm/$file; then
    give_up "/etc/slurm/$file belongs to a real Slurm; not touched"
  fi
done
if timeout 20 sinfo > /dev/null 2>&1; then echo "already up"; exit 0; fi

umask 022
mkdir -p "$base"/{log,run,state,spool/n1,spool/n2,database} /etc/slurm
chmod 755 "$base"

# The link from slurmctld to slurmdbd knows only the default socket of munge.
install -d -o munge -g munge -m 755 /run/munge "$base/munge"
if [ ! -s "$base/munge/key" ]; then
  (umask 077; head -c 1024 /dev/urandom > "$base/munge/key")
  chown munge:munge "$base/munge/key"
fi
runuser -u munge -- munged --force --key-file="$base/munge/key" --socket=/run/munge/munge.socket.2 \
  --pid-file="$base/munge/pid" --log-file="$base/munge/log" --seed-file="$base/munge/seed"

socket=$base/run/mysql.sock
sql() { mariadb --no-defaults --socket="$socket" -e "$1"; }
if [ ! -d "$base/database/mysql" ]; then
  mariadb-install-db --no-defaults --user=root --datadir="$base/database" --skip-test-db \
    --auth-root-authentication-method=socket > "$base/log/database-install.log" 2>&1
fi
setsid mariadbd --no-defaults --user=root --datadir="$base/database" --socket="$socket" --skip-networking \
  --pid-file="$base/run/mariadbd.pid" --innodb-buffer-pool-size=64M --innodb-lock-wait-timeout=900 \
  > "$base/log/mariadbd.log" 2>&1 < /dev/null &
wait_for 30 MariaDB mariadb-admin --no-defaults --socket="$socket" ping
sql "CREATE DATABASE IF NOT EXISTS slurm_acct_db; CREATE USER IF NOT EXISTS slurm@localhost IDENTIFIED BY 'slurm';
     GRANT ALL ON slurm_acct_db.* TO slurm@localhost;"

(umask 077; cat > /etc/slurm/slurmdbd.conf << END
$mark
AuthType=auth/munge
DbdHost=localhost
DbdAddr=127.0.0.1
DbdPort=$((port + 1))
SlurmUser=root
StorageType=accounting_storage/mysql
StorageHost=localhost
StorageUser=slurm
StoragePass=slurm
StorageLoc=slurm_acct_db
LogFile=$base/log/slurmdbd.log
PidFile=$base/run/slurmdbd.pid
END
)

# At the built-in place: Snakemake's plugin takes every SLURM_* variable, SLURM_CONF too, out of the environment.
# OverMemoryKill stands in for memory cgroups, which a container does not have.
host=$(hostname -s)
cat > /etc/slurm/slurm.conf << END
$mark
ClusterName=hcctest
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$port
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CredType=cred/munge
StateSaveLocation=$base/state
SlurmdSpoolDir=$base/spool/%n
SlurmctldPidFile=$base/run/slurmctld.pid
SlurmdPidFile=$base/run/slurmd.%n.pid
SlurmctldLogFile=$base/log/slurmctld.log
SlurmdLogFile=$base/log/slurmd.%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SlurmdParameters=config_overrides
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,sched_interval=2,bf_interval=2
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=127.0.0.1
AccountingStoragePort=$((port + 1))
MinJobAge=300
ReturnToService=2
SlurmdTimeout=15
SlurmctldTimeout=30
KillWait=3
OverTimeLimit=0
NodeName=n1 NodeHostname=$host NodeAddr=127.0.0.1 Port=$((port + 2)) CPUs=$cpus RealMemory=$memory
NodeName=n2 NodeHostname=$host NodeAddr=127.0.0.1 Port=$((port + 3)) CPUs=$cpus RealMemory=$memory
PartitionName=work Nodes=n1,n2 Default=YES DefaultTime=10 MaxTime=1-00:00:00 DefMemPerCPU=200 State=UP
END
unset SLURM_CONF

MYSQL_UNIX_PORT=$socket slurmdbd
wait_for 30 slurmdbd sacctmgr -n list cluster
for what in "cluster hcctest" "account demo Cluster=hcctest" "user root Account=demo DefaultAccount=demo Cluster=hcctest"; do
  # shellcheck disable=SC2086
  sacctmgr -i -Q add $what > /dev/null 2>&1 || true # there from an earlier start
done
slurmctld -i
for node in n1 n2; do slurmd -N $node; done
wait_for 30 "the nodes" sh -c 'test "$(sinfo -h -N -t idle -o %N | sort -u | wc -l)" = 2'
sinfo
