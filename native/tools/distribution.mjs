// Which distribution this is, and how its packages are called and installed.

import { existsSync, readFileSync } from "node:fs";

/**
 * What the build needs that is found under one name in every release. @typedef {"compiler" | "static-libc" |
 * "static-libstdc++" | "make" | "python" | "pip" | "mke2fs" | "certificates" | "curl"} Tool
 */
/**
 * @typedef {object} Family distributions that share a package manager and names
 * @property {string} install the command, without the packages' names and without sudo
 * @property {string} refresh for a machine that has no package lists yet; empty where the command needs none
 * @property {Record<Tool, string[]>} packages
 * @property {string | undefined} cargo the package of the only cargo; undefined where there are several (see
 * apt.mjs)
 */
/**
 * @typedef {object} Distribution
 * @property {string} name for people
 * @property {string} release such as `debian 12`
 * @property {Family | undefined} family undefined where Mocker knows no names of packages
 */

/** @type {Family} */
const debian = {
  install: "apt-get install -y --no-install-recommends",
  refresh: "apt-get update",
  packages: {
    compiler: ["g++"],
    "static-libc": ["libc6-dev"],
    "static-libstdc++": ["g++"],
    make: ["make"],
    python: ["python3"],
    pip: ["python3-pip"],
    mke2fs: ["e2fsprogs"],
    certificates: ["ca-certificates"],
    curl: ["curl"],
  },
  cargo: undefined,
};

/** @type {Family} */
const fedora = {
  install: "dnf install -y",
  refresh: "",
  packages: {
    // The compiler comes without the static libraries here, and cannot be asked for them before it is there.
    compiler: ["gcc-c++", "glibc-static", "libstdc++-static"],
    "static-libc": ["glibc-static"],
    "static-libstdc++": ["libstdc++-static"],
    make: ["make"],
    python: ["python3"],
    pip: ["python3-pip"],
    mke2fs: ["e2fsprogs"],
    certificates: ["ca-certificates"],
    curl: ["curl"],
  },
  cargo: "cargo",
};

/** @type {Family} */
const arch = {
  install: "pacman -S --needed --noconfirm",
  refresh: "",
  packages: {
    compiler: ["gcc"],
    "static-libc": ["glibc"],
    "static-libstdc++": ["gcc"],
    make: ["make"],
    python: ["python"],
    pip: ["python-pip"],
    mke2fs: ["e2fsprogs"],
    certificates: ["ca-certificates"],
    curl: ["curl"],
  },
  cargo: "rust",
};

/** @type {Family} */
const suse = {
  install: "zypper --non-interactive install",
  refresh: "",
  packages: {
    compiler: ["gcc-c++", "glibc-devel-static"],
    "static-libc": ["glibc-devel-static"],
    "static-libstdc++": ["gcc-c++"],
    make: ["make"],
    python: ["python3"],
    pip: ["python3-pip"],
    mke2fs: ["e2fsprogs"],
    certificates: ["ca-certificates-mozilla"],
    curl: ["curl"],
  },
  cargo: "cargo",
};

/** @type {Family} */
const alpine = {
  install: "apk add",
  refresh: "",
  packages: {
    compiler: ["g++", "linux-headers"],
    "static-libc": ["musl-dev"],
    "static-libstdc++": ["libstdc++-dev"],
    make: ["make"],
    python: ["python3"],
    pip: ["py3-pip"],
    mke2fs: ["e2fsprogs"],
    certificates: ["ca-certificates"],
    curl: ["curl"],
  },
  cargo: "cargo",
};

/** By ID or a word of ID_LIKE. @type {Record<string, Family>} */
const families = { debian, ubuntu: debian, fedora, rhel: fedora, arch, suse, opensuse: suse, alpine };

export function thisDistribution() {
  const file = "/etc/os-release";
  return readDistribution(existsSync(file) ? readFileSync(file, "utf8") : "");
}

/** The distribution that an os-release file tells of. @param {string} osRelease @returns {Distribution} */
export function readDistribution(osRelease) {
  /** @type {Record<string, string>} */
  const fields = {};
  for (const [, key = "", value = ""] of osRelease.matchAll(/^([A-Z_]+)=(.*)$/gm))
    fields[key] = value.trim().replace(/^(["'])(.*)\1$/, "$2");
  const { ID: id = "linux", ID_LIKE: like = "", VERSION_ID: version = "", PRETTY_NAME: pretty } = fields;
  const known = [id, ...like.split(/\s+/)].find((name) => Object.hasOwn(families, name));
  return {
    name: pretty ?? fields.NAME ?? id,
    release: `${id} ${version}`.trim(),
    family: known === undefined ? undefined : families[known],
  };
}

/** The packages that have the tools, each once. @param {Family} family @param {Tool[]} tools */
export function packagesOf(family, tools) {
  return [...new Set(tools.flatMap((tool) => family.packages[tool]))];
}

/**
 * The commands that install packages, for a person to run.
 * @param {Family} family
 * @param {string[]} packages
 * @param {{ isRoot: boolean, hasPackageLists: boolean }} machine
 */
export function installCommands(family, packages, { isRoot, hasPackageLists }) {
  if (packages.length === 0) return [];
  const commands = [`${family.install} ${packages.join(" ")}`];
  if (family.refresh !== "" && !hasPackageLists) commands.unshift(family.refresh);
  return commands.map((command) => (isRoot ? command : `sudo ${command}`));
}
