// Calls a fuzz target with one input after the other, where there is no libFuzzer (see fuzz-targets.cc):
// `fuzz-driver list`, or `fuzz-driver TARGET SECONDS SEED CORPUS FAILED`. The inputs are the files of the
// directory CORPUS and what a seed makes of these. One that fails is written to the file FAILED.

#include <sanitizer/common_interface_defs.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "fuzz-targets.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

constexpr size_t maxInputBytes = 128 << 10;
/** What a monitor's or an agent's peer may say in one message, nested as deeply as it can be. */
constexpr size_t maxDepth = 32000;

const char* const words[] = {
    "{",         "}",         "[",       "]",        "\"",        ",",        ":",       "null",    "true",   "-1",
    "0",         "255",       "256",     "1e308",    "\\u0000",   "\\ud800",  "\xff",    "\xe2\x82", "\n",    "\n!",
    "\nj{}",     "\no",       "\ni",     "\"id\":",  "\"event\":", "\"exit\":", "\"code\":", "\"credit\":", "\"hello\":",
    "\"token\":", "\"role\":", "\"params\":", "\"result\":", "\"error\":", "\"stream\":", "9223372036854775808",
    "18446744073709551616", "-9223372036854775808", "{\"exit\":{\"code\":1}}", "{\"credit\":524288}",
};
const std::string binary[] = {std::string("\x03\0\0\0\x40\0\0\0", 8), std::string("\x01\0\0\0\0\x10\0\0", 8),
                              std::string("\x03\0\0\0\0\0\0\x02{}", 10), std::string("\0\0\0\0\0\0\0\0", 8), std::string(1, '\0')};

/** Determined by its seed (splitmix64). */
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  size_t below(size_t bound) {
    uint64_t z = state_ += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return static_cast<size_t>((z ^ (z >> 31)) % bound);
  }

 private:
  uint64_t state_;
};

std::string mutated(Random& random, const std::vector<std::string>& corpus) {
  std::string bytes = corpus[random.below(corpus.size())];
  for (size_t changes = random.below(6) + 1; changes > 0; --changes) {
    const size_t at = random.below(bytes.size() + 1);
    const size_t length = random.below(std::min<size_t>(64, bytes.size() - at) + 1);
    const size_t replaced = random.below(2) * length;
    switch (random.below(9)) {
      case 0:
        if (at < bytes.size()) bytes[at] = static_cast<char>(bytes[at] ^ (1 << random.below(8)));
        break;
      case 1:
        bytes.erase(at, length);
        break;
      case 2:
        bytes.insert(at, bytes.substr(at, length));
        break;
      case 3:
        bytes.replace(at, replaced, words[random.below(std::size(words))]);
        break;
      case 4:
        bytes.replace(at, replaced, binary[random.below(std::size(binary))]);
        break;
      case 5: {
        const auto& other = corpus[random.below(corpus.size())];
        const size_t from = random.below(other.size() + 1);
        bytes.replace(at, replaced, other.substr(from, random.below(600)));
        break;
      }
      case 6: {
        // Very long, or very deep.
        const size_t times = random.below(8) == 0 ? maxDepth : random.below(300);
        const bool isDeep = random.below(2) == 0;
        const std::string piece = isDeep ? std::string(times, '[') + std::string(times, ']') : std::string(times, 'x');
        bytes.replace(at, replaced, piece);
        break;
      }
      case 7: {
        // In the place of a value, most likely.
        const size_t colon = bytes.find(':', at);
        if (colon != std::string::npos) bytes.replace(colon + 1, random.below(8), words[random.below(std::size(words))]);
        break;
      }
      default:
        if (random.below(4) == 0) bytes.resize(at);
    }
  }
  if (bytes.size() > maxInputBytes) bytes.resize(maxInputBytes);
  return bytes;
}

std::string input;
std::ofstream failed;

void keepInput() {
  failed << input << std::flush;
}

void run() {
  // A copy of its exact size, so that the sanitizers see a read beyond its end.
  const std::vector<uint8_t> bytes(input.begin(), input.end());
  LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
}

std::vector<std::string> filesIn(const std::string& directory) {
  std::vector<std::string> paths, contents;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());
  for (const auto& path : paths) {
    std::ifstream file(path, std::ios::binary);
    contents.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  return contents;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6 || mocker::fuzzTargets.count(argv[1]) == 0) {
    for (const auto& [name, target] : mocker::fuzzTargets) std::puts(name.c_str());
    return argc == 2 ? 0 : 2;
  }
  ::setenv("MOCKER_FUZZ_TARGET", argv[1], 1);
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(std::llround(std::atof(argv[2]) * 1000));
  Random random(std::strtoull(argv[3], nullptr, 10));
  const auto corpus = filesIn(argv[4]);
  // Now: a target may leave the host's files.
  failed.open(argv[5], std::ios::binary);
  __sanitizer_set_death_callback(keepInput);
  size_t inputs = 0;
  try {
    for (; inputs < corpus.size() || std::chrono::steady_clock::now() < end; ++inputs) {
      input = inputs < corpus.size() ? corpus[inputs] : mutated(random, corpus);
      run();
    }
  } catch (const std::exception& error) {
    keepInput();
    std::fprintf(stderr, "input %zu: %s\n", inputs, error.what());
    return 1;
  }
  std::printf("%zu inputs\n", inputs);
}
