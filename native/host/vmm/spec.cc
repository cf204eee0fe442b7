#include "spec.h"

#include <cstdio>
#include <limits>
#include <set>
#include <stdexcept>

#include <nlohmann/json.hpp>

#include "common/file.h"

namespace mocker {
namespace {

using nlohmann::json;

[[noreturn]] void fail(const std::string& where, const std::string& what) {
  throw std::runtime_error("vmm.json: " + where + ": " + what);
}

/** A JSON object with the path that leads to it, so that every complaint names the member. */
class Reader {
 public:
  Reader(const json& value, std::string path) : value_(value), path_(std::move(path)) {
    if (!value_.is_object()) fail(path_.empty() ? "(top)" : path_, "must be an object");
  }

  std::string where(const char* key) const { return path_.empty() ? key : path_ + "." + key; }

  const json* find(const char* key) const {
    auto it = value_.find(key);
    return it == value_.end() || it->is_null() ? nullptr : &*it;
  }

  const json& need(const char* key) const {
    const json* value = find(key);
    if (!value) fail(where(key), "is missing");
    return *value;
  }

  std::string text(const char* key) const { return asText(need(key), where(key)); }

  std::string path(const char* key) const { return asPath(need(key), where(key)); }

  std::optional<std::string> optionalPath(const char* key) const {
    const json* value = find(key);
    if (!value) return std::nullopt;
    return asPath(*value, where(key));
  }

  bool flag(const char* key, bool fallback) const {
    const json* value = find(key);
    if (!value) return fallback;
    if (!value->is_boolean()) fail(where(key), "must be true or false");
    return value->get<bool>();
  }

  uint64_t number(const char* key, uint64_t min, uint64_t max) const {
    const json& value = need(key);
    const auto range = "must be a whole number from " + std::to_string(min) + " to " + std::to_string(max);
    if (!value.is_number_integer() || (!value.is_number_unsigned() && value.get<int64_t>() < 0)) {
      fail(where(key), range);
    }
    const auto number = value.get<uint64_t>();
    if (number < min || number > max) fail(where(key), range);
    return number;
  }

  uint64_t number(const char* key, uint64_t min, uint64_t max, uint64_t fallback) const {
    return find(key) ? number(key, min, max) : fallback;
  }

  template <typename Each>
  void each(const char* key, Each visit) const {
    const json* value = find(key);
    if (!value) return;
    if (!value->is_array()) fail(where(key), "must be an array");
    for (size_t i = 0; i < value->size(); ++i) visit((*value)[i], where(key) + "[" + std::to_string(i) + "]");
  }

  static std::string asText(const json& value, const std::string& where) {
    if (!value.is_string()) fail(where, "must be a string");
    auto text = value.get<std::string>();
    if (text.find('\0') != std::string::npos) fail(where, "must not contain a NUL byte");
    return text;
  }

  static std::string asPath(const json& value, const std::string& where) {
    auto text = asText(value, where);
    if (text.empty() || text[0] != '/') fail(where, "must be an absolute path");
    return text;
  }

 private:
  const json& value_;
  std::string path_;
};

std::array<uint8_t, 6> asMac(const std::string& text, const std::string& where) {
  std::array<uint8_t, 6> mac{};
  int end = 0;
  const int fields = std::sscanf(text.c_str(), "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx%n", &mac[0], &mac[1], &mac[2],
                                 &mac[3], &mac[4], &mac[5], &end);
  if (fields != 6 || end != 17 || text.size() != 17) fail(where, "must be an address such as \"02:42:ac:11:00:02\"");
  if (mac[0] & 1) fail(where, "must not be a group's address");
  return mac;
}

PasstSpec readPasst(const json& value, const std::string& where) {
  const Reader in(value, where);
  PasstSpec passt{in.path("path"), {}};
  in.each("arguments", [&](const json& item, const std::string& itemWhere) {
    passt.arguments.push_back(Reader::asText(item, itemWhere));
  });
  return passt;
}

std::vector<CardSpec> readCards(const Reader& in) {
  std::vector<CardSpec> cards;
  std::set<std::array<uint8_t, 6>> addresses;
  in.each("cards", [&](const json& item, const std::string& where) {
    const Reader card(item, where);
    CardSpec out;
    if (const json* passt = card.find("passt")) {
      out.passt = readPasst(*passt, card.where("passt"));
    } else {
      out.socketPath = card.path("socketPath");
      out.endpointId = card.text("endpointId");
    }
    out.mac = asMac(card.text("mac"), card.where("mac"));
    if (card.find("networkName")) out.networkName = card.text("networkName");
    if (!addresses.insert(out.mac).second) fail(card.where("mac"), "is used twice");
    cards.push_back(std::move(out));
  });
  if (cards.size() > maxCards) fail("cards", "must be at most " + std::to_string(maxCards));
  return cards;
}

CgroupSpec readCgroup(const json& value) {
  const Reader in(value, "cgroup");
  CgroupSpec cgroup;
  if (in.find("problem")) {
    cgroup.problem = in.text("problem");
    return cgroup;
  }
  cgroup.path = in.path("path");
  in.each("limits", [&](const json& item, const std::string& where) {
    const Reader limit(item, where);
    auto file = limit.text("file");
    if (file.find('/') != std::string::npos) fail(limit.where("file"), "must be the name of a file");
    cgroup.limits.emplace_back(std::move(file), limit.text("value"));
  });
  return cgroup;
}

KrunSpec readKrun(const json& value) {
  const Reader in(value, "krun");
  KrunSpec krun;
  krun.libkrunPath = in.optionalPath("libkrunPath");
  krun.kernelPath = in.optionalPath("kernelPath");
  krun.cpus = static_cast<uint32_t>(in.number("cpus", 1, 255));
  krun.memoryMiB = static_cast<uint32_t>(in.number("memoryMiB", 16, 16u << 20));
  std::set<std::string> names;
  in.each("disks", [&](const json& item, const std::string& where) {
    const Reader disk(item, where);
    DiskSpec out{disk.text("id"), disk.path("path"), DiskSpec::Format::raw, disk.flag("readOnly", false)};
    const auto format = disk.text("format");
    if (format == "vmdk") {
      out.format = DiskSpec::Format::vmdk;
    } else if (format != "raw") {
      fail(disk.where("format"), "must be \"raw\" or \"vmdk\"");
    }
    if (!names.insert(out.id).second) fail(disk.where("id"), "\"" + out.id + "\" is used twice");
    krun.disks.push_back(std::move(out));
  });
  in.each("diskFiles", [&](const json& item, const std::string& where) {
    krun.diskFiles.push_back(Reader::asPath(item, where));
  });
  names.clear();
  in.each("shares", [&](const json& item, const std::string& where) {
    const Reader share(item, where);
    ShareSpec out{share.text("tag"), share.path("path"), share.flag("readOnly", false)};
    if (!names.insert(out.tag).second) fail(share.where("tag"), "\"" + out.tag + "\" is used twice");
    krun.shares.push_back(std::move(out));
  });
  if (in.find("joinedTag")) krun.joinedTag = in.text("joinedTag");
  const auto network = in.text("network");
  if (network == "tsi") {
    krun.network = KrunSpec::Network::tsi;
  } else if (network != "none") {
    fail("krun.network", "must be \"tsi\" or \"none\"");
  }
  krun.weakJail = in.flag("weakJail", false);
  krun.consolePath = in.optionalPath("consolePath");
  return krun;
}

SimulationSpec readSimulation(const json& value) {
  const Reader in(value, "simulation");
  SimulationSpec simulation;
  const auto network = in.text("network");
  if (network == "none") {
    simulation.network = SimulationSpec::Network::none;
  } else if (network != "host") {
    fail("simulation.network", "must be \"host\" or \"none\"");
  }
  simulation.hostIds = in.flag("hostIds", false);
  in.each("paths", [&](const json& item, const std::string& where) {
    simulation.paths.push_back(Reader::asPath(item, where));
  });
  return simulation;
}

}  // namespace

VmSpec parseVmSpec(const std::string& text) {
  const json value = json::parse(text, nullptr, false);
  if (value.is_discarded()) throw std::runtime_error("vmm.json: is not valid JSON");
  const Reader in(value, "");
  if (in.number("version", 0, std::numeric_limits<uint32_t>::max()) != 1) fail("version", "must be 1");
  VmSpec spec;
  spec.vmId = in.text("vmId");
  if (spec.vmId.size() != 64 || spec.vmId.find_first_not_of("0123456789abcdef") != std::string::npos) {
    fail("vmId", "must be 64 hexadecimal digits");
  }
  spec.stateDir = in.path("stateDir");
  spec.runDir = in.path("runDir");
  spec.agentPath = in.path("agentPath");
  spec.bootTimeoutMs = static_cast<uint32_t>(in.number("bootTimeoutMs", 1, 24u * 3600 * 1000, 60000));
  spec.autoRemove = in.flag("autoRemove", false);
  if (const json* log = in.find("log")) {
    const Reader logIn(*log, "log");
    spec.log.maxBytes = logIn.number("maxBytes", 4096, 1ull << 50, spec.log.maxBytes);
    spec.log.maxFiles = static_cast<uint32_t>(logIn.number("maxFiles", 1, 1000, spec.log.maxFiles));
    spec.log.kept = logIn.flag("kept", true);
  }
  spec.cards = readCards(in);
  if (const json* cgroup = in.find("cgroup")) spec.cgroup = readCgroup(*cgroup);
  const auto runtime = in.text("runtime");
  if (runtime == "krun") {
    spec.runtime = Runtime::krun;
    spec.krun = readKrun(in.need("krun"));
  } else if (runtime == "simulation") {
    spec.runtime = Runtime::simulation;
    spec.simulation = readSimulation(in.need("simulation"));
  } else {
    fail("runtime", "must be \"krun\" or \"simulation\"");
  }
  return spec;
}

VmSpec loadVmSpec(const std::string& path) {
  return parseVmSpec(readFile(path, 4u << 20));
}

}  // namespace mocker
