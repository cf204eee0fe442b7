import type { EngineInfo } from "../../../protocol/engine.ts";
import { MockerError } from "../../../protocol/errors.ts";
import type {
  ImageSearchParams,
  ManifestInspectParams,
  ManifestInspectResult,
  RegistryLoginParams,
  RegistryLoginResult,
  RegistryServerParams,
  RegistryTagsParams,
  SearchResult,
} from "../../../protocol/registry.ts";
import type { Credential } from "./docker-config.ts";
import { checkLogin, login, loginName, logout } from "./login.ts";
import { inspectManifest } from "./manifest-inspect.ts";
import { listTags, type RegistryAccess, type RegistryOptions } from "./registry.ts";
import { defaultSettings, readSettings } from "./registry-settings.ts";
import { search } from "./search.ts";

/** What can be asked of registries without a store of images. */
export class RegistryService {
  readonly #options: RegistryOptions;

  constructor(options: RegistryOptions) {
    this.#options = options;
  }

  /** What engine.json says of registries; nothing where it is wrong, as each pull will say. */
  places(): NonNullable<EngineInfo["registries"]> {
    let settings = defaultSettings;
    try {
      settings = readSettings(this.#options.configDir);
    } catch (error) {
      if (!(error instanceof MockerError)) throw error;
    }
    return { mirrors: settings.mirrors.map(({ href }) => href), insecure: settings.insecureRegistries };
  }

  /** All tags of a repository. */
  tags(params: RegistryTagsParams & RegistryAccess, signal: AbortSignal): Promise<{ tags: string[] }> {
    return listTags(params, this.#options, signal);
  }

  /** See {@link login}. */
  login(params: RegistryLoginParams, signal: AbortSignal): Promise<RegistryLoginResult> {
    return login(params, this.#options, signal);
  }

  /** See {@link checkLogin}. */
  checkLogin(server: string, credential: Credential, signal: AbortSignal): Promise<{ token?: string }> {
    return checkLogin(server, credential, this.#options, signal);
  }

  /** Whose credentials are stored for a server, "" for nobody's. */
  loginName(params: RegistryServerParams): Promise<{ username: string; server: string }> {
    return loginName(params.server, params.dockerConfig);
  }

  /** Forgets a server's credentials. */
  logout(params: RegistryServerParams): Promise<{ server: string }> {
    return logout(params.server, params.dockerConfig);
  }

  /** See {@link search}. */
  search(params: ImageSearchParams & RegistryAccess, signal: AbortSignal): Promise<SearchResult[]> {
    return search(params, this.#options, signal);
  }

  /** See {@link inspectManifest}. */
  inspectManifest(
    params: ManifestInspectParams & RegistryAccess,
    signal: AbortSignal,
  ): Promise<ManifestInspectResult> {
    return inspectManifest(params, this.#options, signal);
  }
}
