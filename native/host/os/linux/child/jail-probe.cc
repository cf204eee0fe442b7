#include "host/os/jail-probe.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <exception>
#include <utility>

#include "common/fd.h"
#include "common/file.h"
#include "common/sys-error.h"
#include "host/os/linux/jail/jail.h"
#include "jailed-process.h"
#include "own-users.h"
#include "pipe.h"

namespace mocker {
namespace {

constexpr size_t maxReportBytes = 65536;

Json tryJail(const std::string& directory, JailReport namespaces) {
  JailPlan plan;
  plan.attachPoint = directory;
  plan.directories = {"/boot"};
  plan.calls = Calls::ownLibkrun;
  plan.entries.push_back({"/dev/null", "/dev/null", JailEntry::Kind::device, false});
  Jail jail(plan, std::move(namespaces));
  const int refused = jail.enterNamespaces();
  Json result;
  if (refused != 0) result["problem"] = namespacesProblem(refused);
  jail.restrict(refused == 0 ? "/boot" : directory);
  result["layers"] = jail.report().json();
  return result;
}

/** Why the users of root's simulated VMs can have no ids of their own; empty where they can. */
std::string ownIdsProblem(const std::string& directory) {
  if (::geteuid() != 0) return {};
  try {
    OwnUsers().mapped(directory);
    return {};
  } catch (const std::exception& error) {
    return error.what();
  }
}

}  // namespace

Json probeJail(const std::string& directory) {
  Pipe ids = makePipe();
  Pipe report = makePipe();
  GivenNamespaces given;
  const pid_t child = forkNamespaced(given);
  if (child < 0) throwErrno("fork");
  if (child == 0) {
    Json result;
    try {
      char source = 0;
      ids.writing.reset();
      if (::read(ids.reading.get(), &source, 1) != 1) ::_exit(1);
      JailReport namespaces;
      reportNamespaces(namespaces, given, static_cast<IdSource>(source));
      result = tryJail(directory, std::move(namespaces));
    } catch (const std::exception& error) {
      result = {{"layers", Json::array()}, {"problem", error.what()}};
    }
    writeFully(report.writing.get(), toText(result));
    ::_exit(0);
  }
  report.writing.reset();
  const char source = static_cast<char>(giveIds(child, given));
  writeFully(ids.writing.get(), {&source, 1});
  const auto result = parseObject(readAll(report.reading.get(), maxReportBytes));
  while (::waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
  }
  Json told = result.value_or(Json{{"layers", Json::array()}, {"problem", "the process that tried it died"}});
  const auto problem = ownIdsProblem(directory);
  if (!problem.empty()) told["ownIdsProblem"] = problem;
  return told;
}

}  // namespace mocker
