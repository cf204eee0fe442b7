import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { readDistribution, type Tool } from "../../../native/tools/distribution.mjs";
import type { Toolchain } from "../../../native/tools/rust.mjs";
import { type Machine, missingPackages, setupAdvice } from "../../../native/tools/setup-advice.mjs";

const everything: Tool[] = ["compiler", "make", "python", "mke2fs", "certificates"];
const usable: Toolchain = {
  cargo: "/usr/bin/cargo",
  onPath: true,
  state: "usable",
  said: "1.96.0",
  isRustups: false,
};

function machine(osRelease: string, about: Partial<Machine> = {}): Machine {
  return {
    distribution: readDistribution(osRelease),
    isRoot: false,
    missing: everything,
    rust: undefined,
    cargo: undefined,
    hasPackageLists: true,
    hasCurl: true,
    ...about,
  };
}

const debian12 = 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\nVERSION_ID="12"\n';

function lastLine(text: string): string {
  return text.split("\n").at(-1) ?? "";
}

describe("what a person is told whose machine lacks tools", () => {
  const commands: [string, string, Partial<Machine>, string][] = [
    [
      "Debian 12",
      debian12,
      { cargo: "cargo-web" },
      "  sudo apt-get install -y --no-install-recommends g++ make python3 e2fsprogs ca-certificates cargo-web",
    ],
    [
      "Debian 12 without package lists",
      debian12,
      { cargo: "cargo-web", missing: ["make"], hasPackageLists: false },
      "  sudo apt-get update && sudo apt-get install -y --no-install-recommends make cargo-web",
    ],
    [
      "root",
      debian12,
      { isRoot: true, missing: ["make"], rust: usable },
      "  apt-get install -y --no-install-recommends make",
    ],
    [
      "an Ubuntu whose packages of Rust are too old",
      'ID=ubuntu\nID_LIKE=debian\nVERSION_ID="22.04"\n',
      { missing: [], hasCurl: false },
      "  sudo apt-get install -y --no-install-recommends curl && " +
        "curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y",
    ],
    [
      "a derivative, by ID_LIKE",
      'ID=linuxmint\nID_LIKE="ubuntu debian"\n',
      { cargo: "cargo-1.85", missing: ["compiler"] },
      "  sudo apt-get install -y --no-install-recommends g++ cargo-1.85",
    ],
    [
      "Fedora",
      "ID=fedora\nVERSION_ID=43\n",
      {},
      "  sudo dnf install -y gcc-c++ glibc-static libstdc++-static make python3 e2fsprogs ca-certificates cargo",
    ],
    [
      "Rocky with a compiler that has no static libraries",
      'ID="rocky"\nID_LIKE="rhel centos fedora"\n',
      { missing: ["static-libc", "static-libstdc++"], rust: usable },
      "  sudo dnf install -y glibc-static libstdc++-static",
    ],
    [
      "Arch",
      "ID=arch\n",
      { missing: ["compiler", "python"] },
      "  sudo pacman -S --needed --noconfirm gcc python rust",
    ],
    [
      "openSUSE",
      'ID="opensuse-leap"\nID_LIKE="suse opensuse"\n',
      { missing: ["compiler"] },
      "  sudo zypper --non-interactive install gcc-c++ glibc-devel-static cargo",
    ],
    ["Alpine", "ID=alpine\n", { missing: ["make"], isRoot: true }, "  apk add make cargo"],
  ];
  for (const [name, osRelease, about, command] of commands)
    test(`${name}: one command, for what is missing only`, () => {
      assert.equal(lastLine(setupAdvice(machine(osRelease, about))), command);
    });

  test("all that is missing is told at once", () => {
    const [problem, then] = setupAdvice(machine(debian12, { missing: ["compiler", "make"] })).split("\n");
    assert.equal(
      problem,
      "the native parts cannot be built without a C++20 compiler (g++), make and Rust 1.87 or later (cargo).",
    );
    assert.equal(then, "Run this, then the build again:");
  });

  test("an unknown distribution: names of programs, and rustup for Rust", () => {
    const text = setupAdvice(
      machine('ID=nixos\nPRETTY_NAME="NixOS 26.05"\n', { missing: ["make", "python"] }),
    );
    assert.match(
      text,
      /Mocker does not know the packages of NixOS 26\.05: install make and Python 3 yourself\./,
    );
    assert.match(lastLine(text), /^ {2}curl .* https:\/\/sh\.rustup\.rs/);
    const other = setupAdvice(machine("", { missing: ["make"], rust: usable }));
    assert.match(other, /packages of linux: install make yourself\.\nThen run the build again\.$/);
  });

  test("a distribution's only cargo that is too old is not installed once more", () => {
    const old: Toolchain = { ...usable, state: "old", said: "1.71.1" };
    const text = setupAdvice(machine("ID=fedora\n", { missing: [], rust: old }));
    assert.match(
      text,
      /\/usr\/bin\/cargo belongs to Rust 1\.71\.1, which is too old: 1\.87 or later is needed/,
    );
    assert.match(lastLine(text), /^ {2}curl /);
  });

  test("rustup that is here is helped, and gets no second toolchain beside it", () => {
    const rust: Toolchain = {
      ...usable,
      cargo: "/nowhere/.cargo/bin/cargo",
      state: "broken",
      said: "error: no default toolchain",
      isRustups: true,
    };
    const about = machine(debian12, { rust, cargo: "cargo-web", missing: ["make"] });
    assert.deepEqual(missingPackages(about), ["make"]);
    const text = setupAdvice(about);
    assert.match(text, /there is a cargo, but it does not run: .*\n {2}error: no default toolchain\n/);
    assert.equal(
      lastLine(text),
      "  sudo apt-get install -y --no-install-recommends make && rustup default stable",
    );
  });
});
