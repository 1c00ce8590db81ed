#!/bin/sh
# A database and a role for each service that has one; nobody enters another's.
# The image runs this once, on an empty data folder, as the superuser.
set -eu

for service in auth orchestrator media workers; do
    psql --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres \
        --set service="$service" --set password="$(cat "/run/secrets/postgres_$service")" <<'SQL'
create role :"service" login password :'password' connection limit 60;
create database :"service" owner :"service" encoding 'UTF8' template template0;
revoke all on database :"service" from public;
SQL
done
psql --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres \
    --command 'revoke all on database postgres from public'
