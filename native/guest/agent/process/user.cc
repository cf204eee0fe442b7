#include "user.h"

#include <algorithm>
#include <cerrno>
#include <optional>
#include <string_view>

#include "common/file.h"

namespace mocker {
namespace {

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (;;) {
    const size_t end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

bool isNumber(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

/** An id in Docker's range 0…2147483647. */
std::optional<uint32_t> toId(std::string_view text) {
  if (text.empty() || text.size() > 10) return std::nullopt;
  uint64_t value = 0;
  for (const char digit : text) {
    if (digit < '0' || digit > '9') return std::nullopt;
    value = value * 10 + static_cast<unsigned>(digit - '0');
  }
  if (value > 2147483647) return std::nullopt;
  return static_cast<uint32_t>(value);
}

constexpr const char* outOfRange = "uids and gids must be in range 0-2147483647";

std::string readSmall(const char* path) {
  try {
    return readFile(path, 4 << 20);
  } catch (const std::exception&) {
    return {};  // an image without the file has no names, only numbers
  }
}

}  // namespace

Identity resolveUser(const std::string& spec, const std::string& passwd, const std::string& group) {
  const size_t colon = spec.find(':');
  const std::string user = spec.substr(0, colon);
  const std::string wantedGroup = colon == std::string::npos ? "" : spec.substr(colon + 1);
  const auto uid = user.empty() ? std::optional<uint32_t>(0) : toId(user);

  Identity identity;
  std::string name;
  bool found = false;
  for (const auto line : split(passwd, '\n')) {
    const auto fields = split(line, ':');
    if (fields.size() < 4) continue;
    const auto entryUid = toId(fields[2]);
    if (!entryUid) continue;
    if (fields[0] != user && !(uid && *entryUid == *uid)) continue;
    identity.uid = *entryUid;
    identity.gid = toId(fields[3]).value_or(0);
    if (fields.size() > 5 && !fields[5].empty()) identity.home = fields[5];
    name = fields[0];
    found = true;
    break;
  }
  if (!found) {
    if (!uid && isNumber(user)) throw UserError(outOfRange);
    if (!uid) throw UserError("unable to find user " + user + ": no matching entries in passwd file");
    identity.uid = *uid;
  }

  if (wantedGroup.empty()) {
    if (name.empty()) return identity;
    for (const auto line : split(group, '\n')) {
      const auto fields = split(line, ':');
      if (fields.size() < 4) continue;
      const auto gid = toId(fields[2]);
      if (!gid) continue;
      for (const auto member : split(fields[3], ',')) {
        if (member != name) continue;
        identity.groups.push_back(*gid);
        break;
      }
      if (identity.groups.size() >= 1024) break;
    }
    return identity;
  }
  const auto gid = toId(wantedGroup);
  for (const auto line : split(group, '\n')) {
    const auto fields = split(line, ':');
    if (fields.size() < 3) continue;
    const auto entryGid = toId(fields[2]);
    if (!entryGid || (fields[0] != wantedGroup && !(gid && *entryGid == *gid))) continue;
    identity.gid = *entryGid;
    return identity;
  }
  if (!gid && isNumber(wantedGroup)) throw UserError(outOfRange);
  if (!gid) throw UserError("unable to find group " + wantedGroup + ": no matching entries in group file");
  identity.gid = *gid;
  return identity;
}

void joinGroups(Identity& identity, const std::vector<std::string>& names, const std::string& group) {
  std::vector<uint32_t> joined{identity.gid};
  joined.insert(joined.end(), identity.groups.begin(), identity.groups.end());
  for (const std::string& name : names) {
    auto gid = toId(name);
    for (const auto line : split(group, '\n')) {
      const auto fields = split(line, ':');
      if (fields.size() >= 3 && fields[0] == name && toId(fields[2])) gid = toId(fields[2]);
    }
    if (!gid && isNumber(name)) throw UserError(outOfRange);
    if (!gid) throw UserError("unable to find group " + name + ": no matching entries in group file");
    joined.push_back(*gid);
  }
  identity.groups.clear();
  for (const uint32_t gid : joined) {
    if (std::find(identity.groups.begin(), identity.groups.end(), gid) == identity.groups.end()) {
      identity.groups.push_back(gid);
    }
  }
}

void joinGroups(Identity& identity, const std::vector<std::string>& names) {
  joinGroups(identity, names, names.empty() ? "" : readSmall("/etc/group"));
}

Identity resolveUser(const std::string& spec) {
  // Root without a group is by far the most common case, and still needs the file for HOME and its groups.
  return resolveUser(spec, readSmall("/etc/passwd"), readSmall("/etc/group"));
}

}  // namespace mocker
