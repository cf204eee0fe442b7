// Whole small files: read with a bound, written atomically, locked.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "fd.h"

namespace mocker {

/**
 * The contents of a regular file. Throws SysError, or std::runtime_error when it is larger than `maxBytes`.
 */
std::string readFile(const std::string& path, size_t maxBytes);

/** Reads `fd` (a regular or a proc file) to its end, at most `maxBytes`; empty when it cannot be read. */
std::string readAll(int fd, size_t maxBytes);

enum class Durability { powerLoss, processOnly };

/**
 * Replaces `path` by temp file, fsync and rename (mode 0600), then syncs the directory: a reader sees the old
 * text or the new, and when this has returned a crash leaves the new one. `processOnly` syncs neither: good
 * for what nobody asks for after a loss of power.
 */
void writeFileAtomic(const std::string& path, std::string_view text, Durability survives = Durability::powerLoss);

/**
 * Takes the room on the disk for a writeFileAtomic() of `path` and up to `bytes` bytes, where the file system
 * writes in place.
 */
void reserveForWriting(const std::string& path, size_t bytes);

/**
 * Opens (creating) `path` and takes its flock for as long as the descriptor lives; nothing when another holds
 * it.
 */
std::optional<Fd> tryLockFile(const std::string& path);

/**
 * Makes a directory and those above it that are missing, mode 0700. Throws SysError; EPERM when the first one
 * that is there belongs to neither this user nor root.
 */
void makePrivateDirectories(const std::string& path);

/** Writes all of `bytes`, retrying short writes. False with errno set on failure. */
bool writeFully(int fd, std::string_view bytes);

}  // namespace mocker
