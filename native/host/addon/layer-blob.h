#pragma once

#include <napi.h>

namespace mocker {

/**
 * openBlob(fd, blobBits: 256 | 512, tarBits, windowLog): a blob that is read as its tar, freed with its
 * garbage
 */
Napi::Value openBlob(const Napi::CallbackInfo& info);

/**
 * readBlob(blob, available: number, last: boolean, output: Uint8Array): Promise<[produced, position,
 * status]>, see codec.h; runs in the thread pool. One call at a time for a blob.
 */
Napi::Value readBlob(const Napi::CallbackInfo& info);

/** finishBlob(blob): { blobDigest: hex, tarDigest: hex, complete: boolean } */
Napi::Value finishBlob(const Napi::CallbackInfo& info);

/** blobFormat(blob): 0 unknown, 1 plain, 2 gzip, 3 zstd */
Napi::Value blobFormat(const Napi::CallbackInfo& info);

}  // namespace mocker
