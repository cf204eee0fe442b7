// The VM's process: everything between the monitor's fork and the guest.
#pragma once

#include <vector>

#include "common/fd.h"
#include "host/vmm/spec.h"
#include "jailed-process.h"

namespace mocker {

/** The vsock port on which the agent dials the host (CID 2); libkrun connects it to the VM's agent.sock. */
constexpr unsigned agentPort = 1024;

/** What the monitor leaves to its VM's process. */
struct KrunHandover {
  /** What the process was forked into. */
  GivenNamespaces given;
  /** Brings one byte, an IdSource, as soon as the user namespace has its users. */
  int ids;
  /** Takes the report of the jail; nobody reads any more: the monitor is dead. */
  int jail;
  /** Open for writing, or -1: the guest has no console output. */
  int console;
  /** The connections of spec.cards, in their order. */
  const std::vector<Fd>& cards;
};

/**
 * Turns the calling process, a fresh single-threaded child of the monitor, into the VM of `spec.krun`: closes
 * all inherited descriptors but stdio and the given ones, dies with the monitor, loads libkrun, enters the
 * jail, then the guest. The process ends when the guest powers off. On failure: one line on stderr, then exit
 * status exitVmNotEntered, or exitJailRefused where the host denies it a root of its own and the spec does
 * not put up with that.
 *
 * Both outputs are at the guest's mercy, so they should be pipes that the monitor reads and bounds: stderr,
 * for libkrun's messages, and the console, for the guest kernel's.
 */
[[noreturn]] void enterKrun(const VmSpec& spec, const KrunHandover& handover);

}  // namespace mocker
