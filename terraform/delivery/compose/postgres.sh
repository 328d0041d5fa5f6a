#!/bin/sh
# Run once by the PostgreSQL image, on an empty volume: the owner and the application's role of docs/deploy.md.
set -eu
psql --set=ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres \
  --set=owner_password="$FIFTEEN_OWNER_PASSWORD" --set=application_password="$FIFTEEN_APPLICATION_PASSWORD" <<'SQL'
CREATE ROLE fifteen_owner LOGIN CREATEDB PASSWORD :'owner_password';
CREATE ROLE fifteen_application NOLOGIN;
CREATE ROLE fifteen_app LOGIN PASSWORD :'application_password' IN ROLE fifteen_application;
CREATE DATABASE fifteen OWNER fifteen_owner;
REVOKE ALL ON DATABASE fifteen FROM PUBLIC;
GRANT CONNECT, TEMPORARY ON DATABASE fifteen TO fifteen_application;
SQL
