#!/bin/sh
# In: names of interpreters to try (default: python3.11 first, the tested version). Out: the path of one that is
# Python 3.11 or newer, on stdout; else exit code 1 and, on stderr, what is missing and the command that cures it.

[ $# -eq 0 ] && set -- python3.11 python3 python3.12 python3.13
new_enough='import sys; sys.exit(sys.version_info < (3, 11))'
found=''
for name in "$@"; do
    path=$(command -v "$name") || continue
    if "$path" -c "$new_enough" >/dev/null 2>&1; then
        # The interpreter itself, not a shim whose answer depends on the working directory.
        exec "$path" -c 'import sys; print(sys.executable)'
    fi
    found="$found $name $("$path" -c 'import platform; print(platform.python_version())' 2>/dev/null || echo 'does not run')"
done

ID='' ID_LIKE='' VERSION_ID=''
[ -r /etc/os-release ] && . /etc/os-release
case "$ID$VERSION_ID $ID_LIKE" in
debian1[0-1]* | ubuntu1* | ubuntu20*) cure='a newer system (Debian 12, Ubuntu 22.04): this one has glibc < 2.34' ;;
ubuntu22*) cure='sudo apt-get install python3.11 python3.11-venv' ;;
debian* | ubuntu* | *debian*) cure='sudo apt-get install python3 python3-venv' ;;
opensuse* | *suse*) cure='sudo zypper install python311' ;;
arch*) cure='sudo pacman -S python' ;;
fedora* | rhel* | rocky* | alma* | centos* | *fedora*) cure='sudo dnf install python3.11' ;;
*) cure='conda create -n python311 python=3.11, then: make demo PYTHON="$(conda run -n python311 which python)"' ;;
esac
echo "hcc-omics needs Python 3.11 or newer; found:${found:- none of $*}." >&2
echo "To cure it: $cure" >&2
exit 1
