#include "etc-files.h"

namespace mocker {
namespace {

/** A word of a line-based file: nothing in it may begin a new field or line. */
std::string word(const Json& value) {
  if (!value.is_string()) return {};
  std::string out;
  for (const char c : value.get<std::string>()) {
    if (static_cast<unsigned char>(c) > ' ' && c != '#') out += c;
  }
  return out;
}

std::string joined(const Json& dns, const char* key, const char* prefix) {
  const auto it = dns.find(key);
  if (it == dns.end() || !it->is_array()) return {};
  std::string line;
  for (const auto& value : *it) {
    const auto item = word(value);
    if (!item.empty()) line += " " + item;
  }
  return line.empty() ? line : prefix + line + "\n";
}

}  // namespace

std::string hostsText(const Json& hosts, const Json& interfaces, const std::string& host, const std::string& domain) {
  const auto hostname = word(host), domainname = word(domain);
  std::string text =
      "127.0.0.1\tlocalhost\n"
      "::1\tlocalhost ip6-localhost ip6-loopback\n"
      "fe00::\tip6-localnet\n"
      "ff00::\tip6-mcastprefix\n"
      "ff02::1\tip6-allnodes\n"
      "ff02::2\tip6-allrouters\n";
  bool hasHostname = hostname.empty();
  if (hosts.is_array()) {
    for (const auto& entry : hosts) {
      if (!entry.is_array() || entry.size() < 2) continue;
      const auto address = word(entry[0]);
      const auto name = word(entry[1]);
      if (address.empty() || name.empty()) continue;
      text += address + "\t" + name + "\n";
      hasHostname = hasHostname || name == hostname;
    }
  }
  // Behind the extra ones: whose line is the first wins, and a user's own says what a name is to be.
  const std::string names = domainname.empty() ? hostname : hostname + "." + domainname + " " + hostname;
  if (interfaces.is_array() && !hostname.empty()) {
    for (const auto& interface : interfaces) {
      const auto address = interface.is_object() ? word(Json(stringOr(interface, "address", ""))) : std::string();
      if (address.empty()) continue;
      text += address.substr(0, address.find('/')) + "\t" + names + "\n";
      hasHostname = true;
    }
  }
  if (!hasHostname) text += "127.0.1.1\t" + hostname + "\n";
  return text;
}

std::string resolvConfText(const Json& dns) {
  std::string text;
  const auto servers = dns.find("servers");
  if (servers != dns.end() && servers->is_array()) {
    for (const auto& server : *servers) {
      const auto address = word(server);
      if (!address.empty()) text += "nameserver " + address + "\n";
    }
  }
  return text + joined(dns, "search", "search") + joined(dns, "options", "options");
}

void writeEtcFiles(const Json& config, const std::string& hostname, const std::string& domainname,
                   const RootTree& root) {
  const auto member = [&](const char* key) { return config.contains(key) ? config[key] : Json(); };
  root.writeFile("/etc/hostname", word(hostname) + "\n");
  root.writeFile("/etc/hosts", hostsText(member("hosts"), member("interfaces"), hostname, domainname));
  if (const Json* dns = objectOrNull(config, "dns")) root.writeFile("/etc/resolv.conf", resolvConfText(*dns));
}

}  // namespace mocker
