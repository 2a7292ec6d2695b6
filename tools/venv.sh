#!/bin/sh
# Make the virtual environment $1 with $PYTHON, or with the first suitable Python on the PATH.
set -eu
venv=$1

new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }
has_pip() { "$1" -c 'import ensurepip, venv' 2>/dev/null; }

old=
for python in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11}; do
    new_enough "$python" || continue
    old=$python
    has_pip "$python" || continue
    echo "making $venv with $("$python" -c 'import sys; print("Python", sys.version.split()[0], "at", sys.executable)')"
    "$python" -m venv --clear "$venv"
    exit 0
done

if [ -n "$old" ]; then
    echo "$old cannot make a virtual environment: its ensurepip is missing." >&2
    echo "On Debian and Ubuntu: sudo apt install python3-venv. Without root: uv or conda, see README.md." >&2
else
    echo "daga-nb needs Python 3.11 or newer, and ${PYTHON:-none on the PATH} is that." >&2
    echo "Name one, make PYTHON=/path/to/python3.12 ..., or use uv or conda, which bring their own: see README.md." >&2
fi
exit 1
