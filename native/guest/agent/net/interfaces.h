// The machine's network cards as Docker sets a container's up.
#pragma once

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
 * settings, or a user namespace that has not all groups, leaves things as they are.
 */
void allowUnprivileged(const Fd& settings);

}  // namespace mocker
