#!/usr/bin/env bash
# Makes the environment if need be, then runs every test. Arguments are passed on to `course test`.
exec bash "$(dirname "${BASH_SOURCE[0]}")/course" test "$@"
