/** Verbs that Docker has and Mocker has not, by what to say to those who type them. */
const swarm = "Mocker runs VMs on this machine, not on a swarm of them";
const trust = "Mocker checks digests, not Docker Content Trust's signatures";
const builds =
  "build the image elsewhere, then: docker save IMAGE | mocker load, or mocker pull it from a registry";

const refused: Readonly<Record<string, string>> = {
  swarm: `${swarm}; start each VM with: mocker run -d`,
  service: `${swarm}; start each VM with: mocker run -d`,
  stack: `${swarm}; start each VM with: mocker run -d`,
  node: `${swarm}; what this one can do says: mocker info`,
  secret: `${swarm}; give a VM a secret with: mocker run --secret-env NAME`,
  config: `${swarm}; give a VM a file with: mocker run -v FILE:PATH:ro`,
  trust: `${trust}; pull what must not change by its digest: mocker pull NAME@sha256:…`,
  plugin: "Mocker has no plugins; networks and volumes have the drivers bridge and local",
  model: "Mocker runs no models by itself; run a server of them in a VM: mocker run",
  scout: "Mocker examines no images; give a scanner the image's archive: mocker save IMAGE",
  sbom: "Mocker examines no images; give a scanner the image's archive: mocker save IMAGE",
  build: `not yet; ${builds}`,
  "image build": `not yet; ${builds}`,
  builder: `not yet; ${builds}`,
  buildx: `not yet; ${builds}`,
  compose: "not yet; start each service with: mocker run -d --network NETWORK --name SERVICE",
  "docker-compose": "not yet; start each service with: mocker run -d --network NETWORK --name SERVICE",
  "completion powershell": "use bash, fish or zsh: mocker completion bash",
  "context export": "a context is one line: mocker context create NAME --docker host=ssh://HOST",
  "context import": "a context is one line: mocker context create NAME --docker host=ssh://HOST",
  "context update": "remove it and create it anew: mocker context rm NAME",
  "manifest annotate": "not yet; images of several platforms are made elsewhere, and pulled",
  "manifest create": "not yet; images of several platforms are made elsewhere, and pulled",
  "manifest push": "not yet; images of several platforms are made elsewhere, and pulled",
  "manifest rm": "not yet; images of several platforms are made elsewhere, and pulled",
};

/**
 * One line for a verb of Docker's that Mocker has not, which says what to do instead; undefined for other
 * words.
 * @param words the command line from the verb on, without global flags
 */
export function refusal(words: readonly string[]): string | undefined {
  const [verb = ""] = words;
  for (const called of [verb, words.slice(0, 2).join(" ")]) {
    const why = Object.hasOwn(refused, called) ? refused[called] : undefined;
    if (why !== undefined) return `mocker: mocker ${called} is not supported: ${why}`;
  }
  return undefined;
}
