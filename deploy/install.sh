#!/bin/sh
# What the image holds: the locked dependencies, each with its hash, and the project's wheel. Runs in a checkout.
#   deploy/install.sh dependencies FOLDER   # an environment with what requirements/cluster.txt names
#   deploy/install.sh project FOLDER        # the project in it
set -eu
part=$1 target=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 UV_NO_CACHE=1
python3 -m venv "$work/tools"
"$work/tools/bin/python" -m pip install --quiet --require-hashes -r requirements/uv.txt
uv="$work/tools/bin/uv"
case $part in
dependencies)
  python3 -m venv --without-pip "$target"
  "$uv" pip sync --quiet --python "$target/bin/python" --require-hashes --compile-bytecode requirements/cluster.txt
  ;;
project)
  "$uv" pip sync --quiet --python "$work/tools/bin/python" --require-hashes requirements/build.txt
  "$work/tools/bin/python" -m hatchling build -t wheel -d "$work/wheels"
  "$uv" pip install --quiet --python "$target/bin/python" --no-deps --no-index --compile-bytecode "$work"/wheels/*.whl
  "$uv" pip check --quiet --python "$target/bin/python"
  ;;
*)
  echo "install.sh: expected dependencies or project, not '$part'" >&2
  exit 2
  ;;
esac
