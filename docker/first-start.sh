#!/usr/bin/env bash
# Makes what no image may contain: the cluster's certificates and the catalogue's password. What is there is kept.
set -euo pipefail
certificates=$1 passwords=$2

cutouts certificates "$certificates"
if [ ! -s "$passwords/pgpass" ]; then
  password=$(python -c 'import secrets; print(secrets.token_urlsafe(32))')
  (umask 077 && printf '%s' "$password" >"$passwords/.catalog" && printf '*:*:*:cutouts:%s\n' "$password" >"$passwords/.pgpass")
  chmod 444 "$passwords/.catalog" # PostgreSQL's own user reads it; nobody else mounts this volume
  mv "$passwords/.catalog" "$passwords/catalog"
  mv "$passwords/.pgpass" "$passwords/pgpass" # last: its presence means that both are there
fi
