// JSON as the peers exchange it. Whatever comes from a peer is untrusted: no call here throws on its
// contents.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

namespace mocker {

using Json = nlohmann::json;

/** The JSON object in `text`; nothing when it is not valid JSON or not an object. */
std::optional<Json> parseObject(std::string_view text);

/** Compact text. Bytes that are not UTF-8 become U+FFFD, so that a hostile name cannot break a message. */
std::string toText(const Json& value);

/** Member `key` of `object` if it is a string, else `fallback`. */
std::string stringOr(const Json& object, const char* key, const char* fallback);

/** Member `key` of `object` if it is a whole number that fits, else `fallback`. */
int64_t integerOr(const Json& object, const char* key, int64_t fallback);

/** Member `key` of `object` if it is true or false, else `fallback`. */
bool flagOr(const Json& object, const char* key, bool fallback);

/** Member `key` of `object` if it is an object, else null. */
const Json* objectOrNull(const Json& object, const char* key);

}  // namespace mocker
