#include "records.h"

#include <unistd.h>

#include <cstdlib>

#include "common/clock.h"
#include "common/file.h"

namespace mocker {

Json ExitRecord::frame() const {
  Json exit{{"code", exitCode}};
  if (signal) exit["signal"] = *signal;
  if (reason != "exited") {
    exit["reason"] = reason;
    exit["message"] = message;
  }
  return {{"exit", exit}};
}

unsigned long long startTimeTicks(pid_t pid) {
  std::string text;
  try {
    text = readFile("/proc/" + std::to_string(pid) + "/stat", 4096);
  } catch (const std::exception&) {
    return 0;
  }
  // The second field is the name in parentheses and may hold anything; fields are counted from its end.
  size_t at = text.rfind(')');
  for (int field = 2; field < 22 && at != std::string::npos; ++field) at = text.find(' ', at + 1);
  return at == std::string::npos ? 0 : std::strtoull(text.c_str() + at, nullptr, 10);
}

void writeRuntimeRecord(const std::string& stateDir, pid_t child, const std::string& startedAt) {
  const Json record{{"version", 1},
                    {"pid", ::getpid()},
                    {"startTimeTicks", startTimeTicks(::getpid())},
                    {"childPid", child},
                    {"startedAt", startedAt}};
  writeFileAtomic(stateDir + "/runtime.json", toText(record) + "\n", Durability::processOnly);
}

void writeExitRecord(const VmSpec& spec, const ExitRecord& exit, const std::string& startedAt) {
  const Json record{{"version", 1},
                    {"exitCode", exit.exitCode},
                    {"signal", exit.signal ? Json(*exit.signal) : Json()},
                    {"reason", exit.reason},
                    {"message", exit.message},
                    {"startedAt", startedAt},
                    {"finishedAt", rfc3339Now()}};
  writeFileAtomic(spec.stateDir + "/exit.json", toText(record) + "\n",
                  spec.autoRemove ? Durability::processOnly : Durability::powerLoss);
}

}  // namespace mocker
