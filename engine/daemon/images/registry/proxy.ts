import { isIP } from "node:net";
import { MockerError } from "../../../protocol/errors.ts";
import { inNetwork, isLoopback, type RegistrySettings } from "./registry-settings.ts";

/**
 * The proxy for a request, undefined for none: by the settings, else by HTTP_PROXY, HTTPS_PROXY and NO_PROXY,
 * upper or lower case. The rules are those of Go's golang.org/x/net/http/httpproxy, which Docker documents:
 * loopback hosts never go through a proxy; NO_PROXY lists names (with their subdomains), `.names` (only
 * those), addresses, networks and `*`, each but networks with a port or without.
 *
 * @throws INVALID_ARGUMENT for a proxy that is no http or https URL
 */
export function proxyFor(
  url: URL,
  proxies: RegistrySettings["proxies"],
  environment: NodeJS.ProcessEnv = process.env,
): URL | undefined {
  const variable = (name: string): string | undefined =>
    environment[name.toUpperCase()] || environment[name] || undefined;
  const chosen =
    url.protocol === "https:"
      ? (proxies.https ?? variable("https_proxy"))
      : (proxies.http ?? variable("http_proxy"));
  if (chosen === undefined || chosen === "") return undefined;
  if (isLoopback(url.host) || excepted(url, proxies.no ?? variable("no_proxy") ?? "")) return undefined;
  let proxy: URL;
  try {
    proxy = new URL(/^[a-z0-9+.-]+:\/\//i.test(chosen) ? chosen : `http://${chosen}`);
  } catch {
    // Not quoted: it may hold a password.
    throw new MockerError("INVALID_ARGUMENT", `the proxy for ${url.host} is no valid address`, {
      hint: "Set HTTPS_PROXY (or https-proxy in engine.json) to http://HOST:PORT.",
    });
  }
  if (proxy.protocol !== "http:" && proxy.protocol !== "https:")
    throw new MockerError(
      "INVALID_ARGUMENT",
      `the proxy ${proxy.protocol}//${proxy.host} cannot be used: it is neither http nor https`,
      { hint: "Set HTTPS_PROXY (or https-proxy in engine.json) to http://HOST:PORT." },
    );
  return proxy;
}

function excepted(url: URL, list: string): boolean {
  const host = url.hostname.replace(/^\[|\]$/g, "").toLowerCase();
  const port = url.port || (url.protocol === "https:" ? "443" : "80");
  return list
    .split(",")
    .map((entry) => entry.trim().toLowerCase())
    .filter((entry) => entry !== "")
    .some((entry) => {
      if (entry === "*") return true;
      if (isIP(host) !== 0 && inNetwork(host, entry)) return true;
      const parts = /^(\[[^\]]+\]|[^:]*|[0-9a-f:]+?)(?::([0-9]+))?$/.exec(entry);
      const name = isIP(entry) !== 0 ? entry : (parts?.[1] ?? "").replace(/^\[|\]$/g, "");
      const ownPort = isIP(entry) !== 0 ? undefined : parts?.[2];
      if (name === "" || (ownPort !== undefined && ownPort !== port)) return false;
      const bare = name.replace(/^\*?\./, "");
      return (bare === name && host === name) || host.endsWith(`.${bare}`);
    });
}
