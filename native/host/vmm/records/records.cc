#include "records.h"

#include <unistd.h>

#include "common/clock.h"
#include "common/file.h"
#include "host/os/process.h"
#include "host/vmm/notice.h"

namespace mocker {
namespace {

/** Messages have at most 4 KiB; JSON may write a byte of them as six. */
constexpr size_t maxExitRecordBytes = 32 * 1024;
constexpr size_t maxMessageBytes = 4096;
/** Of a process of whose end nothing usable is said: it is no success. */
constexpr int unknownExitCode = 255;

}  // namespace

ExitRecord ExitRecord::fromGuest(const Json& exit) {
  ExitRecord record;
  const int64_t code = integerOr(exit, "code", -1);
  record.exitCode = code >= 0 && code <= 255 ? static_cast<int>(code) : unknownExitCode;
  const int64_t signal = integerOr(exit, "signal", 0);
  if (signal >= 1 && signal <= 64) record.signal = static_cast<int>(signal);
  if (stringOr(exit, "reason", "") == "start-failed") {
    record.reason = "start-failed";
    record.message = stringOr(exit, "message", "").substr(0, maxMessageBytes);
  }
  return record;
}

Json ExitRecord::frame() const {
  Json exit{{"code", exitCode}};
  if (signal) exit["signal"] = *signal;
  if (reason != "exited") {
    exit["reason"] = reason;
    exit["message"] = message;
  }
  return {{"exit", exit}};
}

void writeRuntimeRecord(const VmSpec& spec, pid_t child, const std::string& startedAt) {
  const Json record{{"version", 1},
                    {"pid", ::getpid()},
                    {"startTimeTicks", processStartTime(::getpid()).value_or(0)},
                    {"childPid", child},
                    {"childStartTimeTicks", processStartTime(child).value_or(0)},
                    {"runDir", spec.runDir},
                    {"startedAt", startedAt}};
  writeFileAtomic(spec.stateDir + "/runtime.json", toText(record) + "\n", Durability::processOnly);
}

void reserveExitRecord(const VmSpec& spec) {
  try {
    reserveForWriting(spec.stateDir + "/exit.json", maxExitRecordBytes);
  } catch (const std::exception& error) {
    notice(error.what());
  }
}

Json exitRecord(const ExitRecord& exit, const std::string& startedAt) {
  return {{"version", 1},
          {"exitCode", exit.exitCode},
          {"signal", exit.signal ? Json(*exit.signal) : Json()},
          {"reason", exit.reason},
          {"message", exit.message},
          {"startedAt", startedAt},
          {"finishedAt", rfc3339Now()}};
}

void writeExitRecord(const VmSpec& spec, const Json& record) {
  writeFileAtomic(spec.stateDir + "/exit.json", toText(record) + "\n",
                  spec.autoRemove ? Durability::processOnly : Durability::powerLoss);
}

}  // namespace mocker
