# shellcheck shell=bash
# `./dev schema`: the dashboards against Grafana's own schema.

# What Grafana publishes of its schema, one version after another, and what makes a check of it.
readonly GRAFANA_SCHEMAS=(10.4.19 11.6.16 13.2.3)
readonly SCHEMA_TOOLS=(ts-json-schema-generator@2.4.0 ajv@8.20.0)

verb_schema() {
  local version folder golden=$PWD/crates/dashboards/tests/golden/grafana sources=$PWD/scripts/grafana
  if ! has node || ! has npm; then
    fail "node and npm are needed: Grafana's schema is a package of theirs"
  fi
  for version in "${GRAFANA_SCHEMAS[@]}"; do
    folder=target/tools/grafana-schema-$version
    mkdir -p "$folder"
    cp "$sources"/{check.mjs,schema.ts} "$folder"
    [[ -d $folder/node_modules/ajv ]] || npm install --silent --no-audit --no-fund --prefix "$folder" \
      "@grafana/schema@$version" "${SCHEMA_TOOLS[@]}"
    (cd "$folder" && node check.mjs "$golden")
  done
}
