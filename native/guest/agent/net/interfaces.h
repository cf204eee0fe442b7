// The machine's network cards as Docker sets a container's up.
#pragma once

#include <cstdint>

#include "common/fd.h"
#include "common/json.h"

namespace mocker {

/**
 * Sets up configure's `interfaces` ([{mac, address, gateway?, mtu}…]): the card with each `mac` becomes eth0,
 * eth1, … in their order, with its MTU, address and default route, without IPv6.
 * @param settings the machine's /proc/sys/net
 * @throws std::runtime_error that names the interface
 */
void setUpInterfaces(const Json& interfaces, const Fd& settings);

/**
 * Lets every user of the machine listen on ports below 1024 and ping, as Docker does. A kernel without these
 * settings leaves things as they are.
 * @param lastGroup the highest that exists in the machine
 */
void allowUnprivileged(const Fd& settings, uint32_t lastGroup);

}  // namespace mocker
