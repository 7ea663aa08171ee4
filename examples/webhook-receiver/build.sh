#!/bin/sh
# What to do about a new version. It runs by itself, and what it writes goes to build.log.
set -eu
echo "Building for $PACKAGE_FORMAT $PACKAGE_NAMESPACE $PACKAGE_NAME $PACKAGE_VERSION in $REPOSITORY (event $EVENT_ID)"
# For instance:
#   git -C /srv/app pull --ff-only
#   cd /srv/app && npm update && npm test
