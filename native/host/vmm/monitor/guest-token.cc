#include "guest-token.h"

namespace mocker {
namespace {

constexpr size_t minTokenBytes = 32;
constexpr size_t maxTokenBytes = 128;

}  // namespace

bool GuestToken::admits(const Json& hello) {
  const auto token = stringOr(hello, "token", "");
  if (token.size() < minTokenBytes || token.size() > maxTokenBytes) return false;
  if (token_.empty() && stringOr(hello, "role", "") == "control") token_ = token;
  return token == token_;
}

}  // namespace mocker
