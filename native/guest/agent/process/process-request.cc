#include "process-request.h"

#include <algorithm>
#include <vector>

namespace mocker {
namespace {

std::vector<std::string> stringsOf(const Json& params, const char* key) {
  std::vector<std::string> strings;
  const auto it = params.find(key);
  if (it == params.end()) return strings;
  if (!it->is_array()) throw RequestError("INTERNAL", std::string(key) + ": must be an array");
  for (const auto& value : *it) {
    if (!value.is_string()) throw RequestError("INTERNAL", std::string(key) + ": must be an array of strings");
    strings.push_back(value.get<std::string>());
    if (strings.back().find('\0') != std::string::npos) {
      throw RequestError("INTERNAL", std::string(key) + ": must not contain a NUL byte");
    }
  }
  return strings;
}

unsigned short sizeOf(const Json& params, const char* key, int64_t fallback) {
  return static_cast<unsigned short>(std::clamp<int64_t>(integerOr(params, key, fallback), 0, 65535));
}

}  // namespace

unsigned short terminalRows(const Json& params) {
  return sizeOf(params, "rows", 24);
}

unsigned short terminalColumns(const Json& params) {
  return sizeOf(params, "cols", 80);
}

SpawnRequest parseProcessRequest(const Json& params, bool isMain) {
  SpawnRequest request;
  request.argv = stringsOf(params, "argv");
  if (request.argv.empty()) throw RequestError("INTERNAL", "argv: must not be empty");
  request.env = stringsOf(params, "env");
  request.cwd = stringOr(params, "cwd", "");
  if (request.cwd.empty()) request.cwd.push_back('/');
  if (request.cwd[0] != '/') throw RequestError("BAD_CWD", "the working directory \"" + request.cwd + "\" is not an absolute path");
  request.createCwd = isMain;
  request.user = stringOr(params, "user", "");
  request.tty = flagOr(params, "tty", false);
  request.rows = terminalRows(params);
  request.cols = terminalColumns(params);
  request.stdinOpen = flagOr(params, "stdin", false);
  request.detach = !isMain && flagOr(params, "detach", false);
  request.idle = isMain && flagOr(params, "idle", false);
  request.isFileTask = !isMain && flagOr(params, "archive", false);
  request.noNewPrivileges = flagOr(params, "noNewPrivileges", false);
  const auto limits = params.find("rlimits");
  if (limits != params.end()) request.rlimits = parseLimits(*limits);
  return request;
}

}  // namespace mocker
