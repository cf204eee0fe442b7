import type { ApiRequest } from "./api-request.ts";
import type { ApiResponse } from "./api-response.ts";

export type Handler = (request: ApiRequest, response: ApiResponse) => Promise<void> | void;

interface Route {
  method: string;
  path: string;
  pattern: RegExp;
  handler: Handler;
}

export interface Match {
  handler: Handler;
  /** What the path has where the pattern has names. */
  params: Record<string, string>;
}

/** Which handler a request is for. */
export class Router {
  readonly #routes: Route[] = [];

  /**
   * `path` without the version: `{id}` is one segment, `{name*}` one or more, as names of images have slashes
   * in them. Routes that were added first win. GET stands for HEAD, too, where there is no route for that.
   */
  add(method: string, path: string, handler: Handler): void {
    const source = path.replace(/\{(\w+)(\*?)\}/g, (_, name, many) => `(?<${name}>${many ? ".+" : "[^/]+"})`);
    this.#routes.push({ method, path, pattern: new RegExp(`^${source}$`), handler });
  }

  /** `GET /images/{name*}/json` for each, in the order of {@link add}. */
  endpoints(): string[] {
    return this.#routes.map(({ method, path }) => `${method} ${path}`);
  }

  /** @param path as sent, without version and query; URIError where its escapes are none */
  match(method: string, path: string): Match | undefined {
    return this.#find(method, path) ?? (method === "HEAD" ? this.#find("GET", path) : undefined);
  }

  #find(method: string, path: string): Match | undefined {
    for (const route of this.#routes) {
      if (route.method !== method) continue;
      const groups = route.pattern.exec(path);
      if (!groups) continue;
      const named = Object.entries(groups.groups ?? {});
      const params = Object.fromEntries(named.map(([name, text]) => [name, decodeURIComponent(text)]));
      return { handler: route.handler, params };
    }
    return undefined;
  }
}
