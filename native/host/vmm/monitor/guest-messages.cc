#include "guest-messages.h"

#include <utility>

#include "host/vmm/records/records.h"

namespace mocker {
namespace {

constexpr size_t maxRequests = 1024;
constexpr size_t maxExecs = 4096;
constexpr size_t maxIdBytes = 128;
constexpr size_t maxCodeBytes = 64;
constexpr size_t maxMessageBytes = 4096;

/** Numbers of results; what is not here is of no interest to the engine. */
constexpr const char* resultNumbers[] = {"pid",
                                         "memoryUsedBytes",
                                         "processes",
                                         "threads",
                                         "cpuUs",
                                         "networkReceivedBytes",
                                         "networkSentBytes",
                                         "blockReadBytes",
                                         "blockWrittenBytes"};
/** What JavaScript takes for an integer. */
constexpr int64_t maxNumber = (int64_t{1} << 53) - 1;

Json failure(const Json& id, const char* message) {
  return {{"id", id}, {"error", {{"code", "INTERNAL"}, {"message", message}}}};
}

}  // namespace

std::optional<Json> GuestMessages::noteRequest(const Json& request) {
  const auto id = stringOr(request, "id", "");
  if (id.empty() || id.size() > maxIdBytes) return failure(id.substr(0, maxIdBytes), "the request has no usable id");
  if (out_.size() >= maxRequests) return failure(id, "too many requests wait for the guest agent");
  if (out_.contains(id)) return failure(id, "the request's id is in use");
  Request noted;
  if (stringOr(request, "method", "") == "exec") {
    const Json* params = objectOrNull(request, "params");
    const auto exec = params ? stringOr(*params, "stream", "") : "";
    if (exec.size() > maxIdBytes) return failure(id, "the exec has no usable id");
    if (execs_.size() >= maxExecs) return failure(id, "too many execs run in this VM");
    if (execs_.insert(exec).second) noted.exec = exec;
  }
  out_.emplace(id, std::move(noted));
  return std::nullopt;
}

void GuestMessages::forgetAsker() {
  for (auto& [id, request] : out_) request.isForgotten = true;
}

GuestMessages::Checked GuestMessages::check(const Json& message) {
  return message.contains("event") ? checkEvent(message) : checkAnswer(message);
}

GuestMessages::Checked GuestMessages::checkAnswer(const Json& message) {
  const auto found = out_.find(stringOr(message, "id", ""));
  if (found == out_.end()) return {Json(), true};
  const auto [id, request] = std::move(*found);
  out_.erase(found);
  Json answer{{"id", id}};
  if (message.contains("error")) {
    if (request.exec) execs_.erase(*request.exec);
    const Json* error = objectOrNull(message, "error");
    answer["error"] = {{"code", error ? stringOr(*error, "code", "").substr(0, maxCodeBytes) : ""},
                       {"message", error ? stringOr(*error, "message", "").substr(0, maxMessageBytes) : ""}};
  } else {
    answer["result"] = Json::object();
    if (const Json* result = objectOrNull(message, "result")) {
      for (const char* name : resultNumbers) {
        const int64_t number = integerOr(*result, name, -1);
        if (number >= 0 && number <= maxNumber) answer["result"][name] = number;
      }
    }
  }
  if (request.isForgotten) return {};
  return {std::move(answer)};
}

GuestMessages::Checked GuestMessages::checkEvent(const Json& message) {
  const Json* params = objectOrNull(message, "params");
  if (stringOr(message, "event", "") != "execExited" || !params) return {Json(), true};
  const auto id = stringOr(*params, "id", "");
  if (execs_.erase(id) == 0) return {Json(), true};
  return {{{"event", "execExited"}, {"params", {{"id", id}, {"code", ExitRecord::fromGuest(*params).exitCode}}}}};
}

}  // namespace mocker
