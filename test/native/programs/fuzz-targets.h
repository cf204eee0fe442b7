// What is fuzzed of the native programs: each target takes one input, whatever is in it, and throws where it
// was not handled as it should be.
#pragma once

#include <map>
#include <stdexcept>
#include <string>
#include <string_view>

namespace mocker {

/** By name; the directory of test/native/fuzz/corpus with this name has inputs to begin with. */
extern const std::map<std::string, void (*)(std::string_view input)> fuzzTargets;

}  // namespace mocker
