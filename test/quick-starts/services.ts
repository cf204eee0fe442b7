import { connect } from "node:net";
import type { ServiceName } from "./images.ts";

/** How a service is used for the first time, as its README or its page on Docker Hub has it. */
export interface QuickStart {
  /** What follows `mocker`; run in a directory that holds {@link QuickStart.files}. */
  command: string[];
  files?: Record<string, string>;
  port: number;
  /** Asks the service on the host's loopback; returns what it answered, which must match {@link answer}. */
  ask(port: number): Promise<string>;
  answer: RegExp;
}

const web =
  "const http = require('http'); http.createServer((q, r) => r.end('hello from node\\n')).listen(3000);";

const proxy = [
  "defaults",
  "  mode http",
  "  timeout connect 5s",
  "  timeout client 5s",
  "  timeout server 5s",
  "frontend all",
  "  bind :80",
  '  http-request return status 200 content-type text/plain string "hello from haproxy"',
].join("\n");

export const quickStarts: Record<ServiceName, QuickStart> = {
  nginx: {
    command: ["run", "-d", "--name", "nginx", "-p", "8080:80", "nginx"],
    port: 8080,
    ask: get,
    answer: /Welcome to nginx/,
  },
  postgres: {
    command: [
      ...["run", "-d", "--name", "postgres", "-e", "POSTGRES_PASSWORD=secret", "-p", "5432:5432"],
      ...["-v", "pgdata:/var/lib/postgresql/data", "postgres"],
    ],
    port: 5432,
    // An SSLRequest (PostgreSQL's protocol, 55.2.10), then a StartupMessage: it asks for a SCRAM password.
    ask: async (port) => {
      const parameters = Buffer.from("user\0postgres\0database\0postgres\0\0");
      const startup = Buffer.concat([uint32(parameters.length + 8), uint32(196_608), parameters]);
      return (await talk(port, startup)).toString("latin1");
    },
    answer: /^R.*SCRAM-SHA-256/s,
  },
  redis: {
    command: ["run", "-d", "--name", "redis", "-p", "6379:6379", "-v", "redis:/data", "redis"],
    port: 6379,
    ask: async (port) => (await talk(port, "SET key hello\r\nGET key\r\n")).toString(),
    answer: /^\+OK\r\n\$5\r\nhello/,
  },
  mariadb: {
    command: [
      "run",
      "-d",
      "--name",
      "mariadb",
      "-p",
      "127.0.0.1:3306:3306",
      "-v",
      "mariadb:/var/lib/mysql",
      "mariadb",
    ],
    port: 3306,
    ask: async (port) => (await talk(port, "")).toString("latin1"),
    answer: /MariaDB/,
  },
  memcached: {
    command: ["run", "-d", "--name", "memcached", "-p", "11211:11211", "memcached", "memcached", "-m", "64"],
    port: 11_211,
    ask: async (port) => (await talk(port, "set a 0 0 5\r\nhello\r\nget a\r\n")).toString(),
    answer: /STORED\r\nVALUE a 0 5\r\nhello/,
  },
  rabbitmq: {
    command: ["run", "-d", "--hostname", "my-rabbit", "--name", "rabbitmq", "-p", "5672:5672", "rabbitmq"],
    port: 5672,
    // AMQP 0-9-1's protocol header; the server answers with the method connection.start.
    ask: async (port) => (await talk(port, Buffer.from("AMQP\0\0\x09\x01", "latin1"))).toString("latin1"),
    answer: /RabbitMQ/,
  },
  httpd: {
    command: ["run", "-dit", "--name", "httpd", "-p", "8081:80", "-v", "./site:/var/www/html/:ro", "httpd"],
    files: { "site/index.html": "<p>hello from httpd</p>\n" },
    port: 8081,
    ask: get,
    answer: /hello from httpd/,
  },
  node: {
    command: [
      "run",
      "-d",
      "--name",
      "node",
      "-p",
      "3000:3000",
      "-v",
      "./app:/app",
      "-w",
      "/app",
      "node",
      "node",
      "server.js",
    ],
    files: { "app/server.js": web },
    port: 3000,
    ask: get,
    answer: /hello from node/,
  },
  python: {
    command: [
      ...["run", "-d", "--name", "python", "-p", "8000:8000", "-v", "./files:/srv", "-w", "/srv", "python"],
      ...["python3", "-m", "http.server"],
    ],
    files: { "files/hello.txt": "hello from python\n" },
    port: 8000,
    ask: get,
    answer: /hello\.txt/,
  },
  haproxy: {
    command: [
      ...["run", "-d", "--name", "haproxy", "-p", "8082:80"],
      ...["-v", "./haproxy.cfg:/usr/local/etc/haproxy/haproxy.cfg:ro", "haproxy"],
    ],
    files: { "haproxy.cfg": `${proxy}\n` },
    port: 8082,
    ask: get,
    answer: /hello from haproxy/,
  },
};

async function get(port: number): Promise<string> {
  return await (await fetch(`http://127.0.0.1:${port}/`)).text();
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** Sends `request`, and returns what has been answered when nothing more has come for a second. */
function talk(port: number, request: string | Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = [];
    const socket = connect(port, "127.0.0.1", () => socket.write(request));
    const done = (): void => {
      socket.destroy();
      if (parts.length > 0) resolve(Buffer.concat(parts));
      else reject(new Error(`nothing was answered on port ${port}`));
    };
    // Before the first answer more patience is due: the server may be starting.
    socket.setTimeout(5000, done);
    socket.on("data", (data) => {
      parts.push(data);
      socket.setTimeout(1000);
    });
    socket.on("error", reject);
    socket.on("close", done);
  });
}
