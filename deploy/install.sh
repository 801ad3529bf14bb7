#!/bin/sh
# What the image holds: the locked dependencies, each with its hash, and the project's wheel. Runs in a checkout.
#   deploy/install.sh dependencies FOLDER   # an environment with what requirements/cluster.txt names
#   deploy/install.sh project FOLDER        # the project in it
set -eu
part=$1 target=$2
pip="--quiet --disable-pip-version-check --no-cache-dir"
case $part in
dependencies)
  python3 -m venv "$target"
  # shellcheck disable=SC2086 # options
  "$target/bin/python" -m pip install $pip --require-hashes -r requirements/cluster.txt
  ;;
project)
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  python3 -m venv "$work/tools"
  # shellcheck disable=SC2086
  "$work/tools/bin/python" -m pip install $pip --require-hashes -r requirements/build.txt
  # shellcheck disable=SC2086
  "$work/tools/bin/python" -m pip wheel $pip --no-deps --no-build-isolation -w "$work/wheels" .
  # shellcheck disable=SC2086
  "$target/bin/python" -m pip install $pip --no-deps --no-index "$work"/wheels/*.whl
  "$target/bin/python" -m pip check
  "$target/bin/python" -m compileall -q "$target/lib" || true # some packages ship files of other Python versions
  ;;
*)
  echo "install.sh: expected dependencies or project, not '$part'" >&2
  exit 2
  ;;
esac
