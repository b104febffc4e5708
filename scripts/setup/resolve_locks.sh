#!/bin/sh
# In: requirements*.in and scripts/setup/*.in. Out: their .lock files, with hashes and without host names.
# Add --upgrade (or --upgrade-package NAME) to move pins; without it only what the .in files force is changed.
set -eu
uv=.cache/setup/installer/bin/uv
resolve() {
    "$uv" pip compile --no-config --quiet --generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate \
        --no-header --python-version 3.11 "$@"
}
resolve requirements.in --output-file requirements.lock "$@"
resolve requirements-dev.in --constraints requirements.lock --output-file requirements-dev.lock "$@"
for name in installer build compiler; do
    resolve "scripts/setup/$name.in" --constraints requirements.lock --output-file "scripts/setup/$name.lock" "$@"
done
