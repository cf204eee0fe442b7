// Feeds native/codec what no registry should send, so that the sanitizers see what it does with it. The
// directory has `NAME.plain` with its compressed forms `NAME.gz` and `NAME.zst`. The same happens every time.

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "codec/codec.h"
#include "common/fd.h"
#include "common/file.h"
#include "tests.h"

namespace {

using namespace mocker;

using Random = std::mt19937;

constexpr uint32_t windowLog = 27;
constexpr uint32_t gzipFormat = 2;
constexpr uint32_t zstdFormat = 3;

struct Sample {
  std::string name;
  std::string plain;
  std::string gzip;
  std::string zstd;

  std::vector<std::pair<uint32_t, const std::string*>> forms() const {
    return {{gzipFormat, &gzip}, {zstdFormat, &zstd}};
  }
};

struct BlobDeleter {
  void operator()(MockerBlob* blob) const { mocker_blob_free(blob); }
};
using Blob = std::unique_ptr<MockerBlob, BlobDeleter>;

/** How a blob comes and where it goes. */
struct Pace {
  size_t step;
  size_t output;
};

struct Outcome {
  std::string output;
  int32_t status = mockerOk;
  bool complete = false;
  uint32_t format = 0;
  std::string blobDigest;
  std::string tarDigest;
};

size_t below(Random& random, size_t limit) { return random() % std::max<size_t>(limit, 1); }

Blob openBlob() {
  Blob blob(mocker_blob_new(256, 512, windowLog));
  expect(blob != nullptr, "a blob");
  return blob;
}

Fd fileOf(const std::string& bytes) {
  Fd file(memfd_create("blob", MFD_CLOEXEC));
  expect(file && writeFully(file.get(), bytes), "a file in memory");
  return file;
}

/** Memory that ends where it may be written to. */
struct Buffer {
  size_t room;
  std::unique_ptr<uint8_t[]> bytes = std::make_unique<uint8_t[]>(room);
};

MockerStep readOnce(MockerBlob* blob, int fd, uint64_t available, bool last, const Buffer& buffer, std::string& output) {
  const MockerStep step = mocker_blob_read(blob, fd, available, last, buffer.bytes.get(), buffer.room);
  expect(step.produced <= buffer.room, "no more output than there is room for");
  output.append(reinterpret_cast<const char*>(buffer.bytes.get()), step.produced);
  return step;
}

/** Reads a blob to its end. After a refusal the rest must still be read, and nothing come of it. */
Outcome readAll(const std::string& bytes, Pace pace) {
  const Fd file = fileOf(bytes);
  const Blob blob = openBlob();
  const Buffer buffer{pace.output};
  Outcome outcome;
  uint64_t position = 0;
  for (uint64_t available = 0;;) {
    const bool last = available == bytes.size();
    MockerStep step{};
    do {
      const size_t before = outcome.output.size();
      step = readOnce(blob.get(), file.get(), available, last, buffer, outcome.output);
      expect(step.position >= position && step.position <= available, "reading on, and only what is there");
      position = step.position;
      if (outcome.status != mockerOk)
        expect(step.status == mockerOk && outcome.output.size() == before, "nothing after a refusal");
      else
        outcome.status = step.status;
    } while (step.produced > 0 || step.position < available);
    if (last) break;
    available = std::min<uint64_t>(available + pace.step, bytes.size());
  }
  uint8_t digests[2][64];
  outcome.complete = mocker_blob_finish(blob.get(), digests[0], digests[1]) == 1;
  outcome.format = mocker_blob_format(blob.get());
  outcome.blobDigest.assign(reinterpret_cast<const char*>(digests[0]), 32);
  outcome.tarDigest.assign(reinterpret_cast<const char*>(digests[1]), 64);
  return outcome;
}

Pace randomPace(Random& random) {
  // Mostly small, because that is where buffers end in the middle of things.
  const auto size = [&](size_t most) { return 1 + below(random, size_t{1} << below(random, most)); };
  return {size(19) + 7, size(19) + 7};
}

/**
 * However a blob comes, the same becomes of it, or it is refused. zstd is stricter about the sizes that
 * damaged headers claim when it has a frame as a whole; the digests settle that.
 */
void readInPieces(const std::string& bytes, Random& random) {
  const Outcome whole = readAll(bytes, {std::max<size_t>(bytes.size(), 1), 1 << 20});
  const Outcome pieces = readAll(bytes, randomPace(random));
  for (const Outcome& outcome : {whole, pieces})
    expect(outcome.status == mockerOk || outcome.status == mockerDamaged || outcome.status == mockerWindowTooLarge,
           "data that is read or refused, not status " + std::to_string(outcome.status));
  expect(whole.blobDigest == pieces.blobDigest, "the same digest of the blob");
  if (whole.format == gzipFormat) expect(whole.status == pieces.status, "the same verdict");
  if (whole.status != mockerOk || pieces.status != mockerOk) return;
  expect(whole.output == pieces.output && whole.tarDigest == pieces.tarDigest, "the same output");
  expect(whole.complete == pieces.complete && whole.format == pieces.format, "the same end");
}

std::vector<Sample> samples;

void good() {
  Random random(1);
  for (const auto& sample : samples) {
    const Outcome plain = readAll(sample.plain, randomPace(random));
    for (const auto& [format, bytes] : sample.forms())
      for (int run = 0; run < 20; ++run) {
        const Outcome outcome = readAll(*bytes, randomPace(random));
        expect(outcome.status == mockerOk && outcome.complete && outcome.format == format, sample.name + " is read");
        expect(outcome.output == sample.plain && plain.output == sample.plain, sample.name + " as it was");
        expect(outcome.tarDigest == plain.tarDigest, "the digest of " + sample.name);
      }
  }
}

void cut() {
  Random random(2);
  for (const auto& sample : samples)
    for (const auto& [format, bytes] : sample.forms())
      for (int run = 0; run < 60; ++run) {
        // Four bytes tell what it is.
        const size_t length = run < 30 ? std::min<size_t>(4 + run, bytes->size() - 1) : 4 + below(random, bytes->size() - 4);
        const Outcome outcome = readAll(bytes->substr(0, length), randomPace(random));
        expect(outcome.status == mockerOk && !outcome.complete, sample.name + " is cut, and that is said");
        expect(sample.plain.compare(0, outcome.output.size(), outcome.output) == 0, "the beginning of " + sample.name);
      }
}

void flipped() {
  Random random(3);
  for (const auto& sample : samples)
    for (const auto& [format, bytes] : sample.forms())
      for (int run = 0; run < 100; ++run) {
        std::string changed = *bytes;
        // Where the headers and tables are, or anywhere.
        const size_t reach = run % 2 == 0 ? std::min<size_t>(changed.size(), 100) : changed.size();
        for (size_t flips = 1 + below(random, 8); flips > 0; --flips)
          changed[below(random, reach)] ^= static_cast<char>(1 << below(random, 8));
        readInPieces(changed, random);
      }
}

void spliced() {
  Random random(4);
  for (const auto& sample : samples)
    for (const auto& [format, bytes] : sample.forms())
      for (int run = 0; run < 40; ++run) {
        const size_t from = below(random, bytes->size());
        const size_t to = below(random, bytes->size());
        std::string noise(below(random, 200), '\0');
        for (char& byte : noise) byte = static_cast<char>(random());
        readInPieces(bytes->substr(0, from) + noise + bytes->substr(to), random);
      }
}

void concatenated() {
  Random random(5);
  for (const auto& sample : samples) {
    const auto& other = samples[below(random, samples.size())];
    const auto twice = [&](const std::string& bytes, const std::string& more, const std::string& plain) {
      for (int run = 0; run < 10; ++run) {
        const Outcome outcome = readAll(bytes + more, randomPace(random));
        expect(outcome.status == mockerOk && outcome.complete && outcome.output == plain, sample.name + " and more");
      }
    };
    twice(sample.gzip, other.gzip, sample.plain + other.plain);
    twice(sample.zstd, other.zstd, sample.plain + other.plain);
    // What follows gzip data and is none is no part of it; for zstd it is damage.
    twice(sample.gzip, std::string(100, '\0') + other.gzip, sample.plain);
    for (int run = 0; run < 10; ++run) {
      readInPieces(sample.zstd + std::string(1 + below(random, 50), 'x'), random);
      readInPieces(sample.zstd + other.gzip, random);
      readInPieces(sample.gzip + other.zstd, random);
      readInPieces(sample.gzip + other.gzip.substr(0, below(random, other.gzip.size())), random);
    }
  }
}

void abandoned() {
  Random random(6);
  for (const auto& sample : samples)
    for (const auto& [format, bytes] : sample.forms())
      for (int run = 0; run < 20; ++run) {
        const Fd file = fileOf(*bytes);
        const Blob blob = openBlob();
        std::string output;
        // An empty output means that only the digest is wanted from there on.
        for (size_t calls = below(random, 4); calls > 0; --calls)
          readOnce(blob.get(), file.get(), below(random, bytes->size()), false, Buffer{below(random, 3) * 1000}, output);
      }
  expect(mocker_blob_new(1, 256, windowLog) == nullptr, "no blob with an unknown digest");
  mocker_blob_free(nullptr);
}

void unreadable() {
  const Fd file = fileOf("short");
  const Blob blob = openBlob();
  std::string output;
  expect(readOnce(blob.get(), file.get(), 1000, true, {100}, output).status == mockerUnreadable, "a file that is too short");
  expect(readOnce(blob.get(), 1 << 20, 2000, true, {100}, output).status == mockerUnreadable, "no file");
}

std::vector<Sample> readSamples(const std::string& directory) {
  std::vector<Sample> found;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    if (entry.path().extension() != ".plain") continue;
    const auto read = [&](const char* extension) {
      std::ifstream stream(std::filesystem::path(entry.path()).replace_extension(extension), std::ios::binary);
      expect(stream.good(), entry.path().stem().string() + extension);
      return std::string(std::istreambuf_iterator<char>(stream), {});
    };
    found.push_back({entry.path().stem(), read(".plain"), read(".gz"), read(".zst")});
  }
  // A directory has no order.
  std::sort(found.begin(), found.end(), [](const Sample& a, const Sample& b) { return a.name < b.name; });
  expect(!found.empty(), "samples in " + directory);
  return found;
}

const std::map<std::string, void (*)()> tests = {
    {"good data is read as what it was", good},
    {"cut data is never complete", cut},
    {"data with flipped bits is read or refused", flipped},
    {"data with parts left out or put in is read or refused", spliced},
    {"members and frames that follow one another are read on", concatenated},
    {"a blob may be given up at any time", abandoned},
    {"a file that cannot be read is no fault of the data", unreadable},
};

}  // namespace

int main(int argc, char** argv) {
  return runTest(tests, [](const std::string& directory) { samples = readSamples(directory); }, argc, argv);
}
