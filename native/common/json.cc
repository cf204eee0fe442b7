#include "json.h"

#include <limits>

namespace mocker {

std::optional<Json> parseObject(std::string_view text) {
  Json value = Json::parse(text, nullptr, false);
  if (!value.is_object()) return std::nullopt;
  return value;
}

std::string toText(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string stringOr(const Json& object, const char* key, const char* fallback) {
  auto it = object.find(key);
  if (it == object.end() || !it->is_string()) return fallback;
  return it->get<std::string>();
}

int64_t integerOr(const Json& object, const char* key, int64_t fallback) {
  auto it = object.find(key);
  if (it == object.end() || !it->is_number_integer()) return fallback;
  if (it->is_number_unsigned() && it->get<uint64_t>() > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
    return fallback;
  }
  return it->get<int64_t>();
}

bool flagOr(const Json& object, const char* key, bool fallback) {
  auto it = object.find(key);
  return it == object.end() || !it->is_boolean() ? fallback : it->get<bool>();
}

const Json* objectOrNull(const Json& object, const char* key) {
  auto it = object.find(key);
  return it == object.end() || !it->is_object() ? nullptr : &*it;
}

}  // namespace mocker
