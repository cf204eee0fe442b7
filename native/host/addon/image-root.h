#pragma once

#include <napi.h>

namespace mocker {

/**
 * The binding of the merge of native/codec. Each step runs in the thread pool, one at a time for a root, and
 * returns a Promise<{ status, error, answer: Buffer, metadataBytes, inodes, extents: number[] }>, see
 * codec.h.
 */

/** openRoot(): an image without layers yet, freed with its garbage or by closeRoot */
Napi::Value openRoot(const Napi::CallbackInfo& info);

/** applyRoot(root, indexPath: string) */
Napi::Value applyRoot(const Napi::CallbackInfo& info);

/** writeRoot(root, metadataPath: string, uuid: Uint8Array of 16 bytes, dataPaths: string[]) */
Napi::Value writeRoot(const Napi::CallbackInfo& info);

/** listRoot(root) */
Napi::Value listRoot(const Napi::CallbackInfo& info);

/** closeRoot(root): frees it, at once or after the step that is under way */
Napi::Value closeRoot(const Napi::CallbackInfo& info);

}  // namespace mocker
