#!/usr/bin/env bash
# Makes every secret of docker-compose.yml, each in a file of its own: passwords, URLs that hold
# them, and the keys that tokens are signed with. What exists is kept; to renew one, delete it.
# Needs bash and openssl. The folder is closed to others; the files in it are not, because inside
# a container they are read by another user.
set -euo pipefail

readonly folder=${1:-"$(dirname "$0")/secrets"}
mkdir -p "$folder"
chmod 700 "$folder"
cd "$folder"

main() {
    for owner in admin auth orchestrator media workers; do keep "postgres_$owner" password; done
    for service in auth orchestrator media workers; do
        keep "${service}_database_url" database_url "$service"
    done

    for service in auth gateway orchestrator media workers; do
        keep "rabbitmq_$service" password
        keep "${service}_amqp_url" amqp_url "$service"
    done
    keep rabbitmq_definitions rabbitmq_definitions

    keep redis password
    keep redis_url redis_url
    keep redis_config redis_config

    keep s3_access password
    keep s3_secret password
    keep s3_users s3_users
    keep s3_security s3_security
    keep blobs_url blobs_url

    keep auth_signing_key private_key auth-1
    for service in gateway orchestrator media; do
        keep "${service}_service_key" private_key "$service-service"
    done
    keep workers_service_key private_key agent-workers
    grep -qs '"kid":"agent-workers"' service_keys || rm -f service_keys # of before they had keys
    keep service_keys public_keys {gateway,orchestrator,media,workers}_service_key
    keep vault_keys vault_keys

    keep openai_api_key openai_api_key
    keep smtp_url smtp_url
    keep oidc_providers oidc_providers
}

keep() { # file, then what prints it: made only where it is not, and never half
    [ -e "$1" ] && return
    "${@:2}" >"$1.draft"
    chmod 644 "$1.draft"
    mv "$1.draft" "$1"
    echo "made $1" >&2
}

password() { openssl rand -hex 24 | tr -d '\n'; }

database_url() { printf 'postgresql://%s:%s@postgres:5432/%s' "$1" "$(<"postgres_$1")" "$1"; }

amqp_url() { printf 'amqp://%s:%s@rabbitmq:5672/' "$1" "$(<"rabbitmq_$1")"; }

rabbitmq_definitions() {
    local users="" permissions="" comma=""
    for service in auth gateway orchestrator media workers; do
        users+="$comma{\"name\":\"$service\",\"password_hash\":\"$(rabbitmq_hash "rabbitmq_$service")\","
        users+='"hashing_algorithm":"rabbit_password_hashing_sha256","tags":[],"limits":{}}'
        permissions+="$comma{\"user\":\"$service\",\"vhost\":\"/\",\"configure\":\".*\",\"write\":\".*\",\"read\":\".*\"}"
        comma=,
    done
    printf '{"vhosts":[{"name":"/"}],"users":[%s],"permissions":[%s]}' "$users" "$permissions"
}

rabbitmq_hash() { # base64 of salt and sha256(salt + password), as RabbitMQ stores it
    local salt
    salt=$(openssl rand -hex 4)
    { unhex "$salt"; { unhex "$salt"; cat "$1"; } | openssl dgst -sha256 -binary; } | openssl base64 -A
}

redis_url() { printf 'redis://:%s@redis:6379/0' "$(<redis)"; }

redis_config() {
    printf 'port 6379\nbind * -::*\nrequirepass %s\nsave ""\nappendonly no\n' "$(<redis)"
    printf 'maxmemory 192mb\nmaxmemory-policy volatile-ttl\n'
}

s3_users() {
    printf '{"identities":[{"name":"journal","credentials":[{"accessKey":"%s","secretKey":"%s"}],' \
        "$(<s3_access)" "$(<s3_secret)"
    printf '"actions":["Admin","Read","Write","List","Tagging"]}]}'
}

s3_security() { # without these, SeaweedFS's inner ports let anybody read and delete
    for part in jwt.signing jwt.signing.read jwt.filer_signing jwt.filer_signing.read; do
        printf '[%s]\nkey = "%s"\n' "$part" "$(password)"
    done
}

blobs_url() {
    printf 'http://%s:%s@seaweedfs:8333/journals?region=us-east-1' "$(<s3_access)" "$(<s3_secret)"
}

private_key() { # kid: a new P-256 key as a JWK; in its DER, d is at 7 and x, y are the last 64 bytes
    local der
    der=$(openssl ecparam -name prime256v1 -genkey -noout | openssl ec -outform DER 2>/dev/null | hex)
    printf '{"kty":"EC","crv":"P-256","use":"sig","alg":"ES256","kid":"%s","x":"%s","y":"%s","d":"%s"}' \
        "$1" "$(base64url "${der: -128:64}")" "$(base64url "${der: -64}")" "$(base64url "${der:14:64}")"
}

public_keys() { # files with private keys: their public parts as a JWK set
    local keys="" comma=""
    for file in "$@"; do
        keys+="$comma$(sed 's/,"d":"[^"]*"//' "$file")"
        comma=,
    done
    printf '{"keys":[%s]}' "$keys"
}

openai_api_key() { printf '%s' "${OPENAI_API_KEY:-}"; } # empty: the offline writer writes

vault_keys() { openssl rand -base64 32; } # to turn it: put another in front, rewrap-vault, drop this

smtp_url() { printf '%s' "${JCC_SMTP_URL:-}"; } # empty: letters are files in auth's volume

oidc_providers() { printf '%s' "${JCC_OIDC_PROVIDERS:-}"; } # empty: people sign in with passwords

hex() { od -An -v -tx1 | tr -d ' \n'; }

unhex() { printf '%b' "$(sed 's/../\\x&/g' <<<"$1")"; }

base64url() { unhex "$1" | openssl base64 -A | tr '+/' '-_' | tr -d '='; }

main
