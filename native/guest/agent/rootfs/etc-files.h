// /etc/hostname, /etc/hosts and /etc/resolv.conf, written as Docker writes them.
#pragma once

#include <string>

#include "common/json.h"
#include "root-tree.h"

namespace mocker {

/** `config` is configure's. */
void writeEtcFiles(const Json& config, const std::string& hostname, const std::string& domainname,
                   const RootTree& root);

/**
 * The texts, for configure's `hosts` ([[address, name]…]), `interfaces` ([{address: "172.18.0.2/16"}…]) and
 * `dns` ({servers, search, options}).
 */
std::string hostsText(const Json& hosts, const Json& interfaces, const std::string& host, const std::string& domain);
std::string resolvConfText(const Json& dns);

}  // namespace mocker
