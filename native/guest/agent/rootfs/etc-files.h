// /etc/hostname, /etc/hosts and /etc/resolv.conf, written as Docker writes them.
#pragma once

#include <string>

#include "common/json.h"
#include "root-tree.h"

namespace mocker {

void writeEtcFiles(const Json& config, const std::string& hostname, const RootTree& root);

/** The texts, for configure's `hosts` ([[address, name]…]) and `dns` ({servers, search, options}). */
std::string hostsText(const Json& hosts, const std::string& hostname);
std::string resolvConfText(const Json& dns);

}  // namespace mocker
