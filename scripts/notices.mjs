// The licences of everything in the package that is not Mocker's own, from what was really bundled.

import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { goForNetd } from "../native/tools/netd.mjs";
import { outDir } from "../native/tools/paths.mjs";
import { run } from "../native/tools/run.mjs";

/**
 * @typedef {object} Component
 * @property {string} name
 * @property {string} version
 * @property {string} license SPDX expression
 * @property {string} origin
 * @property {string[]} texts
 */

const require = createRequire(import.meta.url);

/** The text of ThirdPartyNotices.txt. Throws when a licence is unknown. */
export function thirdPartyNotices() {
  const components = [...nativeComponents(), ...npmComponents(), ...crates(), ...goModules()];
  /**
   * Licence texts that are the same, apart from white space, are printed once.
   * @type {Map<string, { text: string, of: Component[] }>}
   */
  const texts = new Map();
  for (const component of components) {
    for (const text of component.texts) {
      const key = text.replace(/\s+/g, " ").trim();
      const known = texts.get(key) ?? { text: text.trim(), of: [] };
      known.of.push(component);
      texts.set(key, known);
    }
  }
  const rule = "=".repeat(80);
  const list = components.map(
    ({ name, version, license, origin }) => `${name} ${version}\n    ${license}\n    ${origin}`,
  );
  const licences = [...texts.values()].map(({ text, of }) => {
    const names = [...new Set(of.map(({ name }) => name))].join(", ");
    return `${rule}\n${names}\n${rule}\n\n${text}`;
  });
  return `Mocker is licensed under Apache-2.0 (see LICENSE). This package also holds the following works.\n
${list.join("\n\n")}\n\n${licences.join("\n\n\n")}\n`;
}

/** What the native files are made of, besides crates. @returns {Component[]} */
function nativeComponents() {
  const versions = JSON.parse(readFileSync("dist/native/versions.json", "utf8"));
  const addonApi = JSON.parse(readFileSync("node_modules/node-addon-api/package.json", "utf8"));
  const json = readFileSync("native/third_party/nlohmann/json.hpp", "utf8");
  const part = (/** @type {string} */ name) =>
    /** @type {string} */ (new RegExp(`#define NLOHMANN_JSON_VERSION_${name} (\\d+)`).exec(json)?.[1]);
  return [
    {
      name: "Linux kernel (vmlinux; on arm64 in libkrunfw.so.5)",
      version: versions.kernel,
      license: "GPL-2.0-only WITH Linux-syscall-note",
      origin: `Source: https://cdn.kernel.org/pub/linux/kernel/v${versions.kernel.split(".")[0]}.x/linux-${versions.kernel}.tar.xz with the patches and configuration of libkrunfw`,
      texts: [spdx("GPL-2.0-only"), spdx("Linux-syscall-note")],
    },
    {
      name: "libkrunfw",
      version: versions.libkrunfw,
      license: "LGPL-2.1-only (library), GPL-2.0-only (patches)",
      origin:
        "Source: https://github.com/containers/libkrunfw; built by https://github.com/superradcompany/microsandbox",
      texts: [spdx("LGPL-2.1-only")],
    },
    {
      name: "GNU C Library (in mocker-agent, mocker-hello)",
      version: glibcVersion(),
      license: "LGPL-2.1-or-later",
      origin: "Source: https://ftp.gnu.org/gnu/glibc/",
      texts: [spdx("LGPL-2.1-only")],
    },
    {
      name: "GCC runtime libraries (libstdc++, libgcc)",
      version: run("g++", ["-dumpfullversion"]).trim(),
      license: "GPL-3.0-or-later WITH GCC-exception-3.1",
      origin: "Source: https://ftp.gnu.org/gnu/gcc/",
      texts: [spdx("GPL-3.0-or-later"), spdx("GCC-exception-3.1")],
    },
    {
      name: "JSON for Modern C++",
      version: ["MAJOR", "MINOR", "PATCH"].map(part).join("."),
      license: "MIT",
      origin: "https://github.com/nlohmann/json",
      texts: [readFileSync("native/third_party/nlohmann/LICENSE.MIT", "utf8")],
    },
    {
      name: addonApi.name,
      version: addonApi.version,
      license: addonApi.license,
      origin: "https://github.com/nodejs/node-addon-api",
      texts: licenceFiles("node_modules/node-addon-api"),
    },
    {
      name: "Rust standard library (in libkrun.so.1, mocker.node)",
      version: run("rustc", ["--version"]).split(" ")[1] ?? "",
      license: "MIT OR Apache-2.0",
      origin: "https://github.com/rust-lang/rust",
      texts: [spdx("Apache-2.0")],
    },
  ];
}

function glibcVersion() {
  return /(\d+\.\d+)\s*$/m.exec(run("ldd", ["--version"]).split("\n")[0] ?? "")?.[1] ?? "";
}

/** The npm packages of which code is in a bundle, as esbuild saw it. @returns {Component[]} */
function npmComponents() {
  const meta = JSON.parse(readFileSync("dist/meta.json", "utf8"));
  /** @type {Set<string>} */
  const folders = new Set();
  for (const output of Object.values(meta.outputs)) {
    for (const [file, { bytesInOutput }] of Object.entries(output.inputs)) {
      const folder = /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)?.[0];
      if (folder !== undefined && bytesInOutput > 0) folders.add(folder);
    }
  }
  return [...folders].sort().map((folder) => {
    const { name, version, license, repository } = JSON.parse(
      readFileSync(join(folder, "package.json"), "utf8"),
    );
    if (typeof license !== "string") throw new Error(`${folder}/package.json names no licence`);
    const found = licenceFiles(folder);
    return {
      name,
      version,
      license,
      origin: webAddress(repository?.url ?? repository) ?? `https://www.npmjs.com/package/${name}`,
      texts: found.length > 0 ? found : standardTexts(name, license),
    };
  });
}

/** The crates that libkrun.so.1 and mocker.node are linked from. @returns {Component[]} */
function crates() {
  /** @type {Map<string, Component>} */
  const found = new Map();
  for (const manifest of ["native/libkrun/Cargo.toml", "native/codec/Cargo.toml"])
    for (const crate of cratesOf(manifest)) found.set(`${crate.name} ${crate.version}`, crate);
  return [...found.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** @returns {Component[]} */
function cratesOf(/** @type {string} */ manifest) {
  const target = /host: (\S+)/.exec(run("rustc", ["-vV"]))?.[1] ?? "";
  const metadata = JSON.parse(
    run("cargo", [
      ...["metadata", "--format-version", "1", "--locked", "--filter-platform", target],
      ...["--manifest-path", manifest],
    ]),
  );
  /** @type {Map<string, { deps: { pkg: string, dep_kinds: { kind: string | null }[] }[] }>} */
  const nodes = new Map(metadata.resolve.nodes.map((/** @type {{ id: string }} */ node) => [node.id, node]));
  const linked = new Set([metadata.resolve.root]);
  // A set that grows is visited to its end. Build scripts and tests are not linked in.
  for (const id of linked) {
    for (const { pkg, dep_kinds } of nodes.get(id)?.deps ?? []) {
      if (dep_kinds.some(({ kind }) => kind === null)) linked.add(pkg);
    }
  }
  return metadata.packages
    .filter((/** @type {{ id: string }} */ { id }) => linked.has(id) && id !== metadata.resolve.root)
    .map((/** @type {Record<string, string>} */ { name, version, license, repository, manifest_path }) => {
      if (!license) throw new Error(`the crate ${name} names no licence`);
      const found = licenceFiles(dirname(/** @type {string} */ (manifest_path)));
      return {
        name: `${name} (crate)`,
        version,
        license,
        origin: webAddress(repository) ?? `https://crates.io/crates/${name}`,
        texts: found.length > 0 ? found : standardTexts(/** @type {string} */ (name), license),
      };
    });
}

/**
 * Go's own library and the modules that mocker-netd is linked from, as the program itself says.
 * @returns {Component[]}
 */
function goModules() {
  const information = goForNetd("version", "-m", join(outDir, "mocker-netd"));
  const toolchain = /: go(\S+)/.exec(information)?.[1];
  const linked = [...information.matchAll(/^\tdep\t(\S+)\t(\S+)/gm)];
  if (toolchain === undefined || linked.length === 0) throw new Error("mocker-netd names no Go modules");
  const modules = linked.map(([, name = "", version = ""]) => {
    const texts = licenceFiles(goForNetd("list", "-m", "-f", "{{.Dir}}", name).trim());
    return {
      name: `${name} (Go module)`,
      version,
      license: licenceOfText(name, texts),
      origin: `https://pkg.go.dev/${name}`,
      texts,
    };
  });
  const library = {
    name: "Go standard library (in mocker-netd)",
    version: toolchain,
    license: "BSD-3-Clause",
    origin: "https://go.googlesource.com/go",
    texts: standardTexts("Go", "BSD-3-Clause"),
  };
  return [library, ...modules];
}

/** A Go module does not name its licence: it is known by its text. */
function licenceOfText(/** @type {string} */ name, /** @type {string[]} */ texts) {
  const text = texts.join("\n").replace(/\s+/g, " ");
  const named = /SPDX-License-Identifier: ([\w.() -]+?) \*\//.exec(text)?.[1];
  if (named !== undefined) return named;
  if (/Apache License,? Version 2\.0/.test(text)) return "Apache-2.0";
  if (/Permission is hereby granted, free of charge,/i.test(text)) return "MIT";
  if (/Redistribution and use in source and binary forms/.test(text)) {
    return /Neither the name/.test(text) ? "BSD-3-Clause" : "BSD-2-Clause";
  }
  throw new Error(`the Go module ${name} has no licence that is known`);
}

/** Texts beside a package's manifest. @returns {string[]} */
function licenceFiles(/** @type {string} */ folder) {
  return readdirSync(folder)
    .filter((name) => /^(licen[cs]e|copying|notice|unlicense)/i.test(name) && !/\.(js|ts|html)$/.test(name))
    .sort()
    .map((name) => join(folder, name))
    .filter((path) => !/\.(?:json|toml)$/.test(path))
    .flatMap((path) => {
      try {
        return [readFileSync(path, "utf8")];
      } catch {
        return [];
      }
    });
}

/**
 * For packages that come without the text of their licence. With `OR`, the first one is taken.
 * @returns {string[]}
 */
function standardTexts(/** @type {string} */ name, /** @type {string} */ expression) {
  const [choice = ""] = expression.replace(/[()]/g, "").split(/\s+OR\s+|\//);
  return choice.split(/\s+AND\s+/).map((id) => {
    const [licence = "", exception] = id.trim().split(/\s+WITH\s+/);
    const text = `${name}: the licence as SPDX has it\n\n${spdx(licence)}`;
    return exception === undefined ? text : `${text}\n\n${spdx(exception)}`;
  });
}

function spdx(/** @type {string} */ id) {
  const file = exceptions[id];
  if (file !== undefined) return file;
  return /** @type {string} */ (require(`spdx-license-list/licenses/${id}.json`).licenseText);
}

/** SPDX keeps these apart from the licences. @type {Record<string, string>} */
const exceptions = {
  "Linux-syscall-note": `NOTE! This copyright does *not* cover user programs that use kernel services by normal system
calls - this is merely considered normal use of the kernel, and does *not* fall under the heading of "derived work".
Also note that the GPL below is copyrighted by the Free Software Foundation, but the instance of code that it refers to
(the Linux kernel) is copyrighted by me and others who actually wrote it.
Linus Torvalds`,
  "GCC-exception-3.1": `GCC Runtime Library Exception, version 3.1 (https://www.gnu.org/licenses/gcc-exception-3.1.html): you
have permission to propagate a work of Target Code formed by combining the Runtime Library with Independent Modules, even
if such propagation would otherwise violate the terms of GPLv3, provided that all Target Code was generated by Eligible
Compilation Processes. You may then convey such a combination under terms of your choice, consistent with the licensing
of the Independent Modules.`,
};

function webAddress(/** @type {string | undefined} */ url) {
  return url
    ?.replace(/^git\+/, "")
    .replace(/^git:\/\//, "https://")
    .replace(/\.git$/, "");
}
