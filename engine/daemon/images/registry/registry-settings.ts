import { BlockList, isIP, isIPv6 } from "node:net";
import { invalidSetting, readSettingsFile } from "../../../common/settings-file.ts";

/** How registries are reached: the engine's configuration file, with the keys of Docker's daemon.json. */
export interface RegistrySettings {
  /** Asked for images of Docker Hub before the Hub itself, in this order. */
  mirrors: URL[];
  /**
   * Hosts (`name`, `name:port`) and networks (`10.0.0.0/8`) that may be spoken to by http or with any
   * certificate.
   */
  insecureRegistries: string[];
  /** Layers on their way at once in one pull. */
  maxConcurrentDownloads: number;
  /** Layers on their way at once in one push. */
  maxConcurrentUploads: number;
  /** Tries of one request, the first one included. */
  maxDownloadAttempts: number;
  /** Before the variables HTTP_PROXY, HTTPS_PROXY and NO_PROXY. */
  proxies: { http: string | undefined; https: string | undefined; no: string | undefined };
}

/** Docker's. */
export const defaultSettings: RegistrySettings = {
  mirrors: [],
  insecureRegistries: [],
  maxConcurrentDownloads: 3,
  maxConcurrentUploads: 5,
  maxDownloadAttempts: 5,
  proxies: { http: undefined, https: undefined, no: undefined },
};

const maximumConcurrency = 64;

/**
 * Reads `engine.json` in `directory`; without the file everything has its default. Read afresh for each pull
 * or push, so that a change counts at once. @throws INVALID_ARGUMENT naming the file and the key
 */
export function readSettings(directory: string | undefined): RegistrySettings {
  if (directory === undefined) return defaultSettings;
  const { path, keys } = readSettingsFile(directory);
  const proxies = keys.proxies ?? {};
  if (typeof proxies !== "object" || Array.isArray(proxies))
    throw invalidSetting(path, '"proxies" must be an object');
  const proxy = (key: string): string | undefined => {
    const value = (proxies as Record<string, unknown>)[key];
    if (value === undefined || typeof value === "string") return value;
    throw invalidSetting(path, `"proxies.${key}" must be a string`);
  };
  return {
    mirrors: texts(path, keys, "registry-mirrors").map((text) => mirror(path, text)),
    insecureRegistries: texts(path, keys, "insecure-registries"),
    maxConcurrentDownloads: count(path, keys, "max-concurrent-downloads") ?? 3,
    maxConcurrentUploads: count(path, keys, "max-concurrent-uploads") ?? 5,
    maxDownloadAttempts: count(path, keys, "max-download-attempts") ?? 5,
    proxies: { http: proxy("http-proxy"), https: proxy("https-proxy"), no: proxy("no-proxy") },
  };
}

function texts(path: string, keys: Record<string, unknown>, key: string): string[] {
  const value = keys[key] ?? [];
  if (!Array.isArray(value) || !value.every((item) => typeof item === "string"))
    throw invalidSetting(path, `"${key}" must be a list of strings`);
  return value as string[];
}

function count(path: string, keys: Record<string, unknown>, key: string): number | undefined {
  const value = keys[key];
  if (value === undefined) return undefined;
  if (typeof value !== "number" || !Number.isInteger(value) || value < 1 || value > maximumConcurrency)
    throw invalidSetting(path, `"${key}" must be a whole number from 1 to ${maximumConcurrency}`);
  return value;
}

/** As Docker: scheme and host, no more. */
function mirror(path: string, text: string): URL {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw invalidSetting(path, `invalid mirror "${text}": it is no URL`);
  }
  if (url.protocol !== "http:" && url.protocol !== "https:")
    throw invalidSetting(path, `invalid mirror "${text}": unsupported scheme "${url.protocol.slice(0, -1)}"`);
  if (url.search !== "" || url.hash !== "")
    throw invalidSetting(path, `invalid mirror "${text}": query or fragment at end of the URI`);
  if (url.username !== "" || url.password !== "")
    throw invalidSetting(
      path,
      `invalid mirror "${url.host}": username and password are not allowed in its URI`,
    );
  if (!url.pathname.endsWith("/")) url.pathname += "/";
  return url;
}

/** Whether `domain` (`host` or `host:port`) is one of the insecure registries or in one of their networks. */
export function isInsecure(domain: string, insecure: readonly string[]): boolean {
  const host = domain.replace(/:[0-9]+$/, "");
  const address = host.replace(/^\[|\]$/g, "");
  return insecure.some((entry) => {
    if (entry === domain || entry === host) return true;
    return isIP(address) !== 0 && inNetwork(address, entry);
  });
}

/** Whether an IP address is in a network `ADDRESS/BITS`; false for what is no network. */
export function inNetwork(address: string, network: string): boolean {
  const [base = "", bits = ""] = network.split("/");
  if (isIP(base) === 0 || !/^[0-9]{1,3}$/.test(bits)) return false;
  const list = new BlockList();
  try {
    list.addSubnet(base, Number(bits), isIPv6(base) ? "ipv6" : "ipv4");
  } catch {
    return false;
  }
  return list.check(address, isIPv6(address) ? "ipv6" : "ipv4");
}

/** Loopback hosts need no https: what is sent to them does not leave the machine. */
export function isLoopback(domain: string): boolean {
  const host = domain.replace(/:[0-9]+$/, "");
  return host === "localhost" || host === "[::1]" || /^127(?:\.[0-9]{1,3}){3}$/.test(host);
}
