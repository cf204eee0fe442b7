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

/**
 * Digests are SHA-256 or SHA-512, named by their bits; `windowLog`: zstd's largest window, as a power of two.
 */
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

/** An image's layers that are being merged. */
struct MockerRoot;

struct MockerBytes {
  const uint8_t* data;
  size_t length;
};

enum MockerRootStatus : int32_t {
  mockerRootOk = 0,
  /** The image makes no sense; the answer says why. */
  mockerRootInvalid = -1,
  /** What we wrote ourselves is not what it was. */
  mockerRootDamaged = -2,
  mockerRootIo = -3,
  mockerRootInternal = -4,
};

/** What the pointers point to is there until the next call. */
struct MockerRootResult {
  int32_t status;
  /** An errno, of I/O only. */
  int32_t error;
  /** The words of a fault, or a listing. */
  MockerBytes answer;
  uint64_t metadataBytes;
  uint64_t inodes;
  /** For each of `layers`, how much of its data is referred to. */
  const uint64_t* extents;
  size_t layers;
};

MockerRoot* mocker_root_new();
/**
 * Applies the next layer, whose index is in a file; the bottom one first. After a fault the root is good for
 * nothing.
 */
MockerRootResult mocker_root_apply(MockerRoot* root, MockerBytes indexPath);
/** Writes the EROFS metadata to a new file; `uuid` has 16 bytes. */
MockerRootResult mocker_root_write(MockerRoot* root, MockerBytes metadataPath, const uint8_t* uuid,
                                   const MockerBytes* dataPaths, size_t layers);
/** Answers with the tree as src/listing.rs describes it. */
MockerRootResult mocker_root_list(MockerRoot* root);
void mocker_root_free(MockerRoot* root);
}
