// The monitor's connections to the processes of a VM's networks.
#pragma once

#include "common/fd.h"
#include "host/vmm/spec.h"

namespace mocker {

/**
 * Connects a card to its network and shakes hands, or starts the passt that it has to itself. From then on
 * the socket, which blocks, carries Ethernet frames both ways, each after its length (4 bytes, big-endian).
 * Takes at most 5 s, with passt 10.
 * @throws std::runtime_error in the user's words: `network web: its process does not answer`
 */
Fd connectCard(const CardSpec& card);

}  // namespace mocker
