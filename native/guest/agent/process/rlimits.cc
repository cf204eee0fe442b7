#include "rlimits.h"

#include <stdexcept>
#include <string>

namespace mocker {
namespace {

constexpr struct {
  const char* name;
  int resource;
} names[] = {{"as", RLIMIT_AS},           {"core", RLIMIT_CORE},         {"cpu", RLIMIT_CPU},
             {"data", RLIMIT_DATA},       {"fsize", RLIMIT_FSIZE},       {"locks", RLIMIT_LOCKS},
             {"memlock", RLIMIT_MEMLOCK}, {"msgqueue", RLIMIT_MSGQUEUE}, {"nice", RLIMIT_NICE},
             {"nofile", RLIMIT_NOFILE},   {"nproc", RLIMIT_NPROC},       {"rss", RLIMIT_RSS},
             {"rtprio", RLIMIT_RTPRIO},   {"rttime", RLIMIT_RTTIME},     {"sigpending", RLIMIT_SIGPENDING},
             {"stack", RLIMIT_STACK}};

int resourceOf(const std::string& given) {
  std::string name = given.rfind("RLIMIT_", 0) == 0 ? given.substr(7) : given;
  for (char& c : name) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  for (const auto& known : names) {
    if (name == known.name) return known.resource;
  }
  throw std::runtime_error("rlimits: \"" + given + "\" is not a resource limit");
}

}  // namespace

std::vector<ResourceLimit> parseLimits(const Json& limits) {
  std::vector<ResourceLimit> parsed;
  if (!limits.is_array()) return parsed;
  for (const auto& limit : limits) {
    if (!limit.is_object()) throw std::runtime_error("rlimits: must be an array of objects");
    auto name = stringOr(limit, "name", "");
    if (name.empty()) name = stringOr(limit, "type", "");
    const int64_t soft = integerOr(limit, "soft", -1);
    const int64_t hard = integerOr(limit, "hard", soft);
    parsed.push_back({resourceOf(name), {soft < 0 ? RLIM_INFINITY : static_cast<rlim_t>(soft),
                                         hard < 0 ? RLIM_INFINITY : static_cast<rlim_t>(hard)}});
  }
  return parsed;
}

}  // namespace mocker
