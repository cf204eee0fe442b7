// What the static library of native/codec exports.
#pragma once

#include <cstddef>
#include <cstdint>

extern "C" {

/** A layer's blob that is read as its tar. */
struct MockerBlob;

enum MockerStatus : int32_t {
  mockerOk = 0,
  mockerDamaged = -1,
  mockerWindowTooLarge = -2,
  mockerNoMemory = -3,
  mockerInternal = -4,
  mockerUnreadable = -5,
};

struct MockerStep {
  size_t produced;
  /** How many of the blob's bytes were read so far. */
  uint64_t position;
  int32_t status;
};

/** Digests are SHA-256 or SHA-512, named by their bits; `windowLog`: zstd's largest window, as a power of two. */
MockerBlob* mocker_blob_new(uint32_t blobBits, uint32_t tarBits, uint32_t windowLog);
/** Fills `output` as far as the file's first `available` bytes allow; `last`: there will be no more. After an
 *  error, or with an empty `output`, the rest is only hashed. */
MockerStep mocker_blob_read(MockerBlob* blob, int32_t fd, uint64_t available, bool last, uint8_t* output,
                            size_t outputBytes);
/** Digests have room for 64 bytes. 1 if the data is complete, 0 if it ends in the middle. */
int32_t mocker_blob_finish(MockerBlob* blob, uint8_t* blobDigest, uint8_t* tarDigest);
/** 0 unknown, 1 plain, 2 gzip, 3 zstd. */
uint32_t mocker_blob_format(const MockerBlob* blob);
void mocker_blob_free(MockerBlob* blob);
}
