import { join } from "node:path";
import { defaultEnvironment } from "../fixtures/busybox.ts";
import type { ImageRecipe } from "../fixtures/image.ts";
import { directory, file, type TarEntry, writeTar } from "../fixtures/tar-file.ts";
import { needPrograms, runTool } from "../support/host.ts";

interface Contents {
  /** Debian's packages, installed with their scripts: their users exist. */
  packages: string[];
  /** What the image has besides, as its own layer. */
  files?: TarEntry[];
  /** Arguments of `umoci config`. */
  config: string[];
}

function image(name: string, { packages, files = [], config }: Contents): ImageRecipe {
  return {
    name: `quick-${name}`,
    sources: ["test/quick-starts/images.ts", "test/fixtures/tar-file.ts"],
    needsRoot: true,
    layers: async (work) => {
      await needPrograms({ mmdebstrap: "mmdebstrap" });
      const base = join(work, "base.tar");
      const include = `--include=${packages.join(",")}`;
      await runTool("mmdebstrap", ["--quiet", "--variant=minbase", include, "bookworm", base]);
      return files.length === 0 ? [base] : [base, await writeTar(join(work, "own.tar"), files)];
    },
    config: [...config, "--config.env", defaultEnvironment],
  };
}

/**
 * A container's first program, as the official images have one: it prepares the data, then becomes the
 * server.
 */
function entryPoint(lines: string[]): TarEntry {
  return file(
    "usr/local/bin/docker-entrypoint.sh",
    `${["#!/bin/sh", "set -e", ...lines].join("\n")}\n`,
    0o755,
  );
}

const throughEntryPoint = ["--config.entrypoint", "docker-entrypoint.sh"];
const local = ["usr", "usr/local", "usr/local/bin"].map((name) => directory(name));

/** Stand-ins for Docker Hub's images of these names: the same ports, volumes, users and entry points. */
export const images = {
  nginx: image("nginx", {
    packages: ["nginx-light"],
    config: [
      ...["--config.cmd", "nginx", "--config.cmd", "-g", "--config.cmd", "daemon off;"],
      ...["--config.exposedports", "80/tcp", "--config.stopsignal", "SIGQUIT"],
    ],
  }),
  postgres: image("postgres", {
    packages: ["postgresql-15"],
    files: [
      ...local,
      entryPoint([
        'data=/var/lib/postgresql/data; bin=/usr/lib/postgresql/15/bin; mkdir -p "$data"; chown postgres:postgres "$data"; chmod 700 "$data"',
        "install -d -o postgres -g postgres /run/postgresql",
        'run() { setpriv --reuid postgres --regid postgres --init-groups "$@"; }',
        'if [ ! -s "$data/PG_VERSION" ]; then',
        '  [ -n "$POSTGRES_PASSWORD" ] || { echo "POSTGRES_PASSWORD is not set" >&2; exit 1; }; printf %s "$POSTGRES_PASSWORD" >/tmp/password; chmod 644 /tmp/password',
        '  run "$bin/initdb" --username postgres --pwfile /tmp/password --auth-host scram-sha-256 --auth-local trust -D "$data" >/dev/null',
        '  rm /tmp/password; echo "host all all all scram-sha-256" >>"$data/pg_hba.conf"',
        "fi",
        'exec setpriv --reuid postgres --regid postgres --init-groups "$bin/postgres" -D "$data" -c listen_addresses="*"',
      ]),
    ],
    config: [
      ...throughEntryPoint,
      ...["--config.volume", "/var/lib/postgresql/data", "--config.exposedports", "5432/tcp"],
      ...["--config.cmd", "postgres", "--config.stopsignal", "SIGINT"],
    ],
  }),
  redis: image("redis", {
    packages: ["redis-server"],
    files: [
      ...local,
      entryPoint([
        "mkdir -p /data; chown redis:redis /data; cd /data",
        'exec setpriv --reuid redis --regid redis --init-groups "$@" --protected-mode no --dir /data',
      ]),
    ],
    config: [
      ...throughEntryPoint,
      ...["--config.cmd", "redis-server", "--config.volume", "/data", "--config.exposedports", "6379/tcp"],
    ],
  }),
  mariadb: image("mariadb", {
    packages: ["mariadb-server"],
    files: [
      ...local,
      entryPoint([
        "install -d -o mysql -g mysql /run/mysqld; chown mysql:mysql /var/lib/mysql",
        "[ -d /var/lib/mysql/mysql ] || mariadb-install-db --user=mysql --datadir=/var/lib/mysql --skip-test-db >/dev/null",
        'exec mariadbd --user=mysql --bind-address="*"',
      ]),
    ],
    config: [
      ...throughEntryPoint,
      ...[
        "--config.volume",
        "/var/lib/mysql",
        "--config.exposedports",
        "3306/tcp",
        "--config.cmd",
        "mariadbd",
      ],
    ],
  }),
  memcached: image("memcached", {
    packages: ["memcached"],
    config: [
      ...["--config.cmd", "memcached", "--config.user", "memcache", "--config.exposedports", "11211/tcp"],
    ],
  }),
  rabbitmq: image("rabbitmq", {
    packages: ["rabbitmq-server"],
    files: [
      ...local,
      entryPoint([
        "chown -R rabbitmq:rabbitmq /var/lib/rabbitmq /var/log/rabbitmq",
        "export RABBITMQ_LOGS=-",
        'exec setpriv --reuid rabbitmq --regid rabbitmq --init-groups env HOME=/var/lib/rabbitmq "$@"',
      ]),
    ],
    config: [
      ...throughEntryPoint,
      ...["--config.cmd", "/usr/lib/rabbitmq/bin/rabbitmq-server", "--config.volume", "/var/lib/rabbitmq"],
      ...["--config.exposedports", "5672/tcp"],
    ],
  }),
  httpd: image("httpd", {
    packages: ["apache2"],
    config: [
      ...["--config.cmd", "apache2ctl", "--config.cmd", "-D", "--config.cmd", "FOREGROUND"],
      ...["--config.exposedports", "80/tcp", "--config.stopsignal", "SIGWINCH"],
    ],
  }),
  node: image("node", { packages: ["nodejs"], config: ["--config.cmd", "node"] }),
  python: image("python", { packages: ["python3"], config: ["--config.cmd", "python3"] }),
  haproxy: image("haproxy", {
    packages: ["haproxy"],
    config: [
      ...[
        "--config.cmd",
        "haproxy",
        "--config.cmd",
        "-f",
        "--config.cmd",
        "/usr/local/etc/haproxy/haproxy.cfg",
      ],
      ...["--config.stopsignal", "SIGUSR1"],
    ],
  }),
} as const satisfies Record<string, ImageRecipe>;
export type ServiceName = keyof typeof images;
