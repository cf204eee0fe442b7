#include "records.h"

#include <unistd.h>

#include "common/clock.h"
#include "common/file.h"
#include "host/os/process.h"

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

void writeRuntimeRecord(const std::string& stateDir, pid_t child, const std::string& startedAt) {
  const Json record{{"version", 1},
                    {"pid", ::getpid()},
                    {"startTimeTicks", processStartTime(::getpid()).value_or(0)},
                    {"childPid", child},
                    {"childStartTimeTicks", processStartTime(child).value_or(0)},
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
