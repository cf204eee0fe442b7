// The VM's process: everything between the monitor's fork and the guest.
#pragma once

#include <vector>

#include "common/fd.h"
#include "host/vmm/spec.h"

namespace mocker {

/** The vsock port on which the agent dials the host (CID 2); libkrun connects it to the VM's agent.sock. */
constexpr unsigned agentPort = 1024;

/**
 * Turns the calling process, a fresh single-threaded child of the monitor, into the VM of `spec.krun`: closes
 * all inherited descriptors but stdio and the given ones, dies with the monitor, loads libkrun, enters the
 * jail, then the guest. The process ends when the guest powers off. On failure: one line on stderr, then exit
 * status exitVmNotEntered.
 *
 * Both outputs are at the guest's mercy, so they should be pipes that the monitor reads and bounds: stderr,
 * for libkrun's messages, and `consoleFd`, for the guest kernel's console.
 * @param consoleFd a descriptor open for writing, or -1: the guest has no console output
 * @param cards the connections of spec.cards, in their order
 */
[[noreturn]] void enterKrun(const VmSpec& spec, int consoleFd, const std::vector<Fd>& cards);

}  // namespace mocker
