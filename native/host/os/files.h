// The file system calls that Node lacks.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "common/fd.h"

namespace mocker {

/** Whether somebody holds a flock(2) on `path`. A file that does not exist is not locked. @throws SysError */
bool isFileLocked(const std::string& path);

enum class CopyMethod { cloned, copied };

/**
 * Copies bytes between two open files: by sharing extents where the file system can (FICLONERANGE; offsets
 * and length must be block-aligned for that), else inside the kernel, else through memory. Past the
 * destination's end, holes of the source become holes.
 * @throws SysError; also if the source ends early (EIO)
 */
CopyMethod copyRange(int source, int destination, uint64_t sourceOffset, uint64_t destinationOffset, uint64_t length);

/** lsetxattr(2): never follows a symbolic link. @throws SysError */
void setXattr(const std::string& path, const std::string& name, const void* value, size_t size);

/** mknod(2) for devices, FIFOs and sockets; `mode` includes the type (S_IFCHR | 0600). @throws SysError */
void makeNode(const std::string& path, mode_t mode, unsigned major, unsigned minor);

}  // namespace mocker
