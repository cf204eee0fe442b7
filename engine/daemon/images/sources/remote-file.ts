import { MockerError } from "../../../protocol/errors.ts";
import { certificateDirectories } from "../registry/certificates.ts";
import { discard, HttpClient, type HttpResponse } from "../registry/http.ts";
import { unreachable } from "../registry/registry-errors.ts";
import type { RegistryOptions } from "../registry/registry-session.ts";
import { readSettings } from "../registry/registry-settings.ts";

/** As Go's client. */
const maximumRedirects = 10;

export type OnBytes = (bytes: { currentBytes: number; totalBytes?: number }) => void;

/**
 * A file from the network, for `import URL`, through the same proxies and with the same authorities as
 * registries. Redirects are followed; a name and password in the URL go to its own scheme, host and port
 * only. @throws INVALID_ARGUMENT, REGISTRY_UNREACHABLE, REGISTRY_ERROR in Docker's words
 */
export async function* remoteFile(
  source: string,
  options: RegistryOptions = {},
  signal: AbortSignal,
  onBytes: OnBytes = () => {},
): AsyncGenerator<Buffer> {
  const { proxies } = options.settings ?? readSettings(options.configDir);
  const http = new HttpClient({
    timeouts: options.timeouts,
    proxies,
    certificateDirectories: certificateDirectories(options.configDir),
  });
  let response: HttpResponse | undefined;
  try {
    response = await open(http, source, options, signal);
    const length = Number(response.headers["content-length"] ?? Number.NaN);
    let currentBytes = 0;
    try {
      for await (const chunk of response.body) {
        currentBytes += (chunk as Buffer).length;
        onBytes({ currentBytes, ...(Number.isNaN(length) ? {} : { totalBytes: length }) });
        yield chunk as Buffer;
      }
    } catch (error) {
      signal.throwIfAborted();
      throw new MockerError("REGISTRY_UNREACHABLE", `Get "${source}": unexpected EOF`, {
        hint: "The connection was cut. Try it again.",
        cause: error,
      });
    }
  } finally {
    response?.body.destroy();
    http.close();
  }
}

async function open(
  http: HttpClient,
  source: string,
  options: RegistryOptions,
  signal: AbortSignal,
): Promise<HttpResponse> {
  let url = address(source, source);
  const { origin } = url;
  const login = `${decoded(url.username)}:${decoded(url.password)}`;
  for (let redirects = 0; ; redirects++) {
    url.username = "";
    url.password = "";
    const headers: Record<string, string> =
      login === ":" || url.origin !== origin
        ? {}
        : { authorization: `Basic ${Buffer.from(login).toString("base64")}` };
    let response: HttpResponse;
    try {
      response = await http.send(url, { headers, signal });
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof MockerError) throw error;
      throw unreachable(url.host, url, error, options.configDir, source);
    }
    const { status } = response;
    if (status >= 200 && status < 300) return response;
    const { location } = response.headers;
    discard(response);
    if (![301, 302, 303, 307, 308].includes(status) || location === undefined)
      throw new MockerError("REGISTRY_ERROR", `failed to GET ${source} with status ${status}`, {
        hint: "Check the address.",
      });
    if (redirects === maximumRedirects)
      throw new MockerError("REGISTRY_ERROR", `Get "${source}": stopped after ${maximumRedirects} redirects`);
    url = address(location, source, url);
  }
}

/** A part of a URL without its percent-encoding; if that is invalid, as it is. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function address(text: string, source: string, base?: URL): URL {
  const url = URL.canParse(text, base) ? new URL(text, base) : undefined;
  if (url?.protocol === "http:" || url?.protocol === "https:") return url;
  throw new MockerError("INVALID_ARGUMENT", `Get "${source}": unsupported protocol or address`, {
    hint: "Give an http or https URL.",
  });
}
